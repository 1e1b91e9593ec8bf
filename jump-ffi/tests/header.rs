//! The committed header is the one that the sources make.
//!
//! To write it anew: `JUMP_WRITE_HEADER=1 cargo test -p jump-ffi --test header`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::path::Path;

use cbindgen::{Builder, Config, DocumentationLength, DocumentationStyle, Language, SortKey, Style};

fn generated() -> String {
    let config = Config {
        language: Language::C,
        header: Some(jump::HEADER.to_owned()),
        include_guard: Some("JUMP_H".to_owned()),
        sys_includes: ["stdbool.h", "stddef.h", "stdint.h"].map(str::to_owned).to_vec(),
        no_includes: true,
        cpp_compat: true,
        style: Style::Type,
        line_length: 132,
        documentation: true,
        documentation_style: DocumentationStyle::Doxy,
        documentation_length: DocumentationLength::Full,
        usize_is_size_t: true,
        sort_by: SortKey::None,
        ..Config::default()
    };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let builder = jump::SOURCES.iter().fold(Builder::new(), |builder, source| {
        builder.with_src(folder.join(source))
    });
    let mut text = Vec::new();
    builder
        .with_config(config)
        .generate()
        .expect("the sources have a header")
        .write(&mut text);
    with_sections(&String::from_utf8(text).unwrap(), &folder)
}

/// The functions of each source under a heading: what the source says that it is about.
fn with_sections(header: &str, folder: &Path) -> String {
    let mut lines: Vec<String> = header.lines().map(str::to_owned).collect();
    for source in jump::SOURCES {
        let text = std::fs::read_to_string(folder.join(source)).unwrap();
        let title = text.lines().next().and_then(|line| line.strip_prefix("//! "));
        let title = title
            .expect("a source says what it is about")
            .trim_end_matches('.');
        let Some((_, first)) = text.split_once("extern \"C\" fn jump_") else {
            continue;
        };
        let call = format!("jump_{}(", first.split('(').next().unwrap());
        let declared = lines
            .iter()
            .position(|line| line.contains(&call) && !line.starts_with(" *"));
        let declared = declared.expect("the header declares it");
        let comment = lines[..declared]
            .iter()
            .rposition(|line| line.starts_with("/**"))
            .unwrap();
        let heading = format!("/* ---- {title} {} */\n", "-".repeat(118 - title.len().min(110)));
        lines.insert(comment, heading);
    }
    lines.join("\n") + "\n"
}

#[test]
fn the_committed_header_is_what_the_sources_make() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("include/jump/jump.h");
    let generated = generated();
    if std::env::var_os("JUMP_WRITE_HEADER").is_some() {
        std::fs::write(&path, &generated).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == generated,
        "include/jump/jump.h is old: JUMP_WRITE_HEADER=1 cargo test -p jump-ffi --test header"
    );
}

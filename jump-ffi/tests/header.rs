//! The committed header is the one that the sources make.
//!
//! To write it anew: `JUMP_WRITE_HEADER=1 cargo test -p jump-ffi --test header`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

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
    String::from_utf8(text).unwrap()
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

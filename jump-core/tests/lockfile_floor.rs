//! The dependency tree holds no version with a known hole and no second crypto library.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::collections::HashMap;

type Version = (u64, u64, u64);

/// Below these versions there are published advisories for what we use.
const FLOORS: &[(&str, Version)] = &[
    ("russh", (0, 65, 1)),
    ("rustls", (0, 23, 19)),
    ("rustls-webpki", (0, 103, 12)),
    ("ring", (0, 17, 14)),
    ("tracing-subscriber", (0, 3, 20)),
    ("tokio", (1, 44, 2)),
];

const FORBIDDEN: &[&str] = &[
    "openssl-sys",
    "openssl",
    "native-tls",
    "aws-lc-sys",
    "aws-lc-rs",
    "boring-sys",
    // Takes any certificate and writes key logs unless told otherwise (S-25): our TLS towards RDP targets is our own.
    "ironrdp-tls",
];

fn locked() -> Vec<(String, Version)> {
    let lock = include_str!("../../Cargo.lock");
    let value = |line: &str| line.split('"').nth(1).unwrap_or_default().to_owned();
    let mut packages = Vec::new();
    let mut name = String::new();
    for line in lock.lines() {
        if line.starts_with("name = ") {
            name = value(line);
        } else if line.starts_with("version = ") && !name.is_empty() {
            let version = value(line);
            let mut numbers = version
                .split(['.', '-', '+'])
                .map(|number| number.parse().unwrap_or(0));
            let mut next = || numbers.next().unwrap_or(0);
            packages.push((std::mem::take(&mut name), (next(), next(), next())));
        }
    }
    packages
}

#[test]
fn s38_no_dependency_is_below_its_security_floor() {
    let packages = locked();
    assert!(packages.len() > 50, "the lock file was not read");
    let mut seen: HashMap<&str, usize> = HashMap::new();
    for (name, version) in &packages {
        if let Some((floor_name, floor)) = FLOORS.iter().find(|(floor, _)| floor == name) {
            *seen.entry(floor_name).or_default() += 1;
            assert!(version >= floor, "{name} {version:?} is below {floor:?}");
        }
    }
    for (name, _) in FLOORS {
        assert!(
            seen.contains_key(name),
            "{name} is not in the tree any more: remove its floor"
        );
    }
}

/// What is built, with every feature of ours on every target, without what only tests need. The lock file says too much:
/// it names the optional dependencies of others as well, which nobody builds.
fn built() -> Vec<String> {
    let mut tree = std::process::Command::new(env!("CARGO"));
    tree.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    tree.args([
        "tree",
        "--locked",
        "--workspace",
        "--all-features",
        "--target",
        "all",
    ]);
    tree.args(["--edges", "normal,build", "--prefix", "none", "--format", "{p}"]);
    let output = tree.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "cargo tree failed: {said}");
    let names = String::from_utf8(output.stdout).unwrap();
    names
        .lines()
        .filter_map(|line| line.split(' ').next())
        .map(str::to_owned)
        .collect()
}

#[test]
fn s38_there_is_one_crypto_library() {
    let names = built();
    for ours in ["ring", "rustls", "sspi"] {
        assert!(names.iter().any(|name| name == ours), "the tree was not read");
    }
    for name in names {
        assert!(!FORBIDDEN.contains(&name.as_str()), "{name} is in the tree");
    }
}

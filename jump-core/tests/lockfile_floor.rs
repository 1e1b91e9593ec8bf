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

#[test]
fn s38_there_is_one_crypto_library() {
    for (name, _) in locked() {
        assert!(!FORBIDDEN.contains(&name.as_str()), "{name} is in the tree");
    }
}

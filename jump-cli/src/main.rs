//! The `jump` command.

fn main() {}

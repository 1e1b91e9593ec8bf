//! Real servers on loopback, a fault proxy, hostile peers and small worlds for the tests of every Jump crate.
//!
//! Everything here is parallel-safe: each value takes its own ports and folders and gives them back when it is
//! dropped. Nothing here installs or configures anything on the machine, but for the test user of [`sshd`] and the PAM service
//! of [`vnc`].

pub mod callers;
pub mod canary;
pub mod corpus;
pub mod echo;
pub mod fault_proxy;
pub mod folder;
pub mod gate;
pub mod hostile;
pub mod kdc;
pub mod memory;
pub mod naive;
pub mod ports;
pub mod postgres;
pub mod process;
pub mod random_world;
pub mod rdp;
pub mod running_site;
pub mod screen;
pub mod seeded;
pub mod sshd;
pub mod vnc;
pub mod waiting;
pub mod world;

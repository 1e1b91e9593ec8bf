//! `jump._jump`: the native half of the Python package.
//!
//! Python sees values (`Login`, `Rep`, `Shell`, `Screen`, `Tunnel`, `World`, `Broker`, `Jumpoint`) whose methods give a
//! `Call`: work that has not begun. The package's asyncio half starts it and is told on its loop when it is done;
//! the blocking half waits for it without the interpreter's lock. So each operation is here once, and no method in here
//! ever waits. What is not hot crosses as JSON; bytes, pictures and input cross as they are.

mod access;
mod bridge;
mod call;
mod engine;
mod errors;
mod login;
mod mailbox;
mod plugs;
mod rep;
mod report;
mod screen;
mod secret;
mod session;
mod shell;
mod site;
#[cfg(debug_assertions)]
mod test_panics;
mod transfer;
mod tunnel;
mod work;

use std::sync::OnceLock;

use pyo3::exceptions::PyImportError;
use pyo3::prelude::*;

/// Which of the process's interpreters imported the package, by the address of its `sys` module: types are shared by the
/// process, so values of two interpreters would meet in them.
static INTERPRETER: OnceLock<usize> = OnceLock::new();

/// The native half of the package `jump`; use that.
#[pymodule(gil_used = false)]
fn _jump(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let here = module.py().import("sys")?.as_ptr() as usize;
    if *INTERPRETER.get_or_init(|| here) != here {
        let message = "jump works in one interpreter of a process, and not in subinterpreters besides";
        return Err(PyImportError::new_err(message));
    }
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add_class::<call::Call>()?;
    module.add_class::<mailbox::Mailbox>()?;
    module.add_class::<secret::Secret>()?;
    module.add_class::<login::Login>()?;
    module.add_class::<rep::Rep>()?;
    module.add_class::<report::Report>()?;
    module.add_class::<session::News>()?;
    module.add_class::<shell::Shell>()?;
    module.add_class::<shell::Process>()?;
    module.add_class::<screen::Screen>()?;
    module.add_class::<screen::Frame>()?;
    module.add_class::<tunnel::Tunnel>()?;
    module.add_class::<tunnel::Listener>()?;
    module.add_class::<tunnel::Stream>()?;
    module.add_class::<access::World>()?;
    module.add_class::<site::Broker>()?;
    module.add_class::<site::Jumpoint>()?;
    module.add_function(wrap_pyfunction!(errors::error_kinds, module)?)?;
    module.add_function(wrap_pyfunction!(access::reason_words, module)?)?;
    module.add_function(wrap_pyfunction!(transfer::jump_methods, module)?)?;
    module.add_function(wrap_pyfunction!(login::enrol, module)?)?;
    module.add_function(wrap_pyfunction!(login::log_in, module)?)?;
    #[cfg(debug_assertions)]
    test_panics::add(module)?;
    Ok(())
}

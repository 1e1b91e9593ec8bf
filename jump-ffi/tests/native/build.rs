//! Building C and C++ programs against the library that cargo has just built.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use jump_testkit::folder::Folder;
use jump_testkit::process::command;
use tokio::process::Command;

/// What a program is checked with while it runs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Checks {
    None,
    AddressAndUndefined,
    Threads,
}

impl Checks {
    const fn flags(self) -> &'static [&'static str] {
        match self {
            Self::None => &[],
            Self::AddressAndUndefined => &["-fsanitize=address,undefined", "-fno-sanitize-recover=all"],
            Self::Threads => &["-fsanitize=thread"],
        }
    }
}

const C: [&str; 5] = ["-std=c11", "-Wall", "-Wextra", "-Werror", "-pedantic"];
const CPP: [&str; 5] = ["-std=c++17", "-Wall", "-Wextra", "-Werror", "-pedantic"];

/// A built program.
pub(crate) struct Program {
    folder: Folder,
}

pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

pub(crate) fn include() -> PathBuf {
    root().join("include")
}

/// Cargo builds it beside the tests of its package.
pub(crate) fn shared_library() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let library = test.with_file_name("libjump.so");
    assert!(library.exists(), "{} is not there", library.display());
    library
}

/// Runs a command to its end.
pub(crate) async fn output(mut command: Command) -> String {
    let done = command.stdin(Stdio::null()).output().await.unwrap();
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    let complained = String::from_utf8_lossy(&done.stderr);
    assert!(
        done.status.success(),
        "{:?}: {said}{complained}",
        command.as_std()
    );
    said
}

impl Program {
    pub(crate) async fn c(source: &str, checks: Checks) -> Self {
        let source = root().join("tests/c").join(source);
        Self::build("gcc", &C, checks, &[source], &[]).await
    }

    pub(crate) async fn c_text(text: &str, checks: Checks) -> Self {
        let folder = Folder::new().unwrap();
        let source = folder.join("program.c");
        std::fs::write(&source, text).unwrap();
        Self::build("gcc", &C, checks, &[source], &[]).await
    }

    pub(crate) async fn cpp_text(text: &str) -> Self {
        let folder = Folder::new().unwrap();
        let source = folder.join("program.cpp");
        std::fs::write(&source, text).unwrap();
        Self::build("g++", &CPP, Checks::None, &[source], &[]).await
    }

    /// One of the examples, by its path in the folder of bindings.
    pub(crate) async fn example(path: &str) -> Self {
        let source = root().join("../bindings").join(path);
        if path.ends_with(".cpp") {
            return Self::build("g++", &CPP, Checks::AddressAndUndefined, &[source], &[]).await;
        }
        Self::build("gcc", &C, Checks::AddressAndUndefined, &[source], &[]).await
    }

    /// `more` are sources and flags.
    pub(crate) async fn cpp(source: &str, checks: Checks, more: &[&str]) -> Self {
        let folder = root().join("tests/cpp");
        let mut sources = vec![folder.join(source)];
        let (flags, more): (Vec<&str>, Vec<&str>) = more.iter().partition(|one| one.starts_with('-'));
        sources.extend(more.iter().map(|source| folder.join(source)));
        Self::build("g++", &CPP, checks, &sources, &flags).await
    }

    async fn build(
        compiler: &str,
        flags: &[&str],
        checks: Checks,
        sources: &[PathBuf],
        more: &[&str],
    ) -> Self {
        let folder = Folder::new().unwrap();
        for name in ["libjump.so", "libjump.so.0"] {
            std::os::unix::fs::symlink(shared_library(), folder.join(name)).unwrap();
        }
        let mut compile = command(compiler);
        compile
            .args(flags)
            .args(checks.flags())
            .args(more)
            .args(["-g", "-O1"])
            .arg("-I")
            .arg(include())
            .arg("-I")
            .arg(root().join("../bindings/cpp/include"))
            .arg("-I")
            .arg(root().join("tests/c"))
            .args(sources)
            .arg("-o")
            .arg(folder.join("program"))
            .arg("-L")
            .arg(folder.path())
            .arg(format!("-Wl,-rpath,{}", folder.path().display()))
            .args(["-ljump", "-lpthread"]);
        output(compile).await;
        Self { folder }
    }

    fn path(&self) -> PathBuf {
        self.folder.join("program")
    }

    pub(crate) fn command(&self) -> Command {
        let mut program = command(self.path());
        // The library's own atomics are not instrumented, so that only what happens in the program itself can be judged.
        program.env("TSAN_OPTIONS", "ignore_noninstrumented_modules=1");
        program
    }

    pub(crate) fn under_valgrind(&self) -> Command {
        let mut valgrind = command("valgrind");
        // Not what is uninitialised: it does not know all of what the cipher's assembly code writes.
        valgrind
            .args([
                "--quiet",
                "--error-exitcode=9",
                "--fair-sched=yes",
                "--undef-value-errors=no",
            ])
            .arg(self.path());
        valgrind
    }
}

/// A path as an argument.
pub(crate) fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

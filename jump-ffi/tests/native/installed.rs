//! What `make install` puts somewhere is found there, by pkg-config and by CMake, and works as shared and as static library.

use std::path::Path;

use jump_testkit::folder::Folder;
use jump_testkit::process::command;

use crate::build::{output, root, shared_library};

const PROGRAM: &str = r#"#include <string.h>
#include "jump/jump.h"
int main(void) { return strcmp(jump_version_string(), "@VERSION@") != 0; }
"#;

const CMAKE: &str = "cmake_minimum_required(VERSION 3.13)
project(found C)
find_package(jump 0.1 REQUIRED)
foreach(kind jump jump_static)
  add_executable(with_${kind} program.c)
  target_link_libraries(with_${kind} PRIVATE jump::${kind})
endforeach()
";

/// Where the tests of the whole workspace are built at once, films (jump-video) are built into the library, and with them an
/// encoder in C++, and zlib takes the machine's own, if there is one. A library that is built by itself has neither.
async fn of_the_workspace() -> Vec<&'static str> {
    let mut zlib = command("pkg-config");
    zlib.args(["--exists", "zlib"]);
    if zlib.status().await.unwrap().success() {
        vec!["-lstdc++", "-lz"]
    } else {
        vec!["-lstdc++"]
    }
}

/// Installs the library of the tests below a folder, and writes a program that uses it.
async fn installed(folder: &Folder) {
    let mut make = command("make");
    make.arg("-C")
        .arg(root().join("../bindings/c"))
        .arg("install-files")
        .arg(format!("PREFIX={}", folder.join("usr").display()))
        .arg(format!("TARGET={}", shared_library().parent().unwrap().display()));
    output(make).await;
    let program = PROGRAM.replace("@VERSION@", env!("CARGO_PKG_VERSION"));
    std::fs::write(folder.join("program.c"), program).unwrap();
}

async fn pkg_config(folder: &Folder, options: &[&str]) -> Vec<String> {
    let mut pkg_config = command("pkg-config");
    pkg_config
        .env("PKG_CONFIG_PATH", folder.join("usr/lib/pkgconfig"))
        .args(options)
        .arg("jump");
    let flags = output(pkg_config).await;
    flags.split_whitespace().map(str::to_owned).collect()
}

async fn run(program: &Path, folder: &Folder) {
    let mut run = command(program);
    run.env("LD_LIBRARY_PATH", folder.join("usr/lib"));
    output(run).await;
}

#[tokio::test]
async fn pkg_config_finds_what_was_installed() {
    let folder = Folder::new().unwrap();
    installed(&folder).await;
    let shared = pkg_config(&folder, &["--cflags", "--libs"]).await;
    let mut compile = command("gcc");
    compile
        .arg(folder.join("program.c"))
        .args(shared)
        .arg("-o")
        .arg(folder.join("shared"));
    output(compile).await;
    run(&folder.join("shared"), &folder).await;

    // Statically, with the system's libraries that the package names.
    let mut link = pkg_config(&folder, &["--cflags", "--libs", "--static"]).await;
    for flag in &mut link {
        if flag == "-ljump" {
            *flag = "-l:libjump.a".to_owned();
        }
    }
    let mut compile = command("gcc");
    compile
        .arg(folder.join("program.c"))
        .args(link)
        .args(of_the_workspace().await)
        .arg("-o")
        .arg(folder.join("static"));
    output(compile).await;
    output(command(folder.join("static"))).await;
}

#[tokio::test]
async fn cmake_finds_what_was_installed() {
    let folder = Folder::new().unwrap();
    installed(&folder).await;
    std::fs::write(folder.join("CMakeLists.txt"), CMAKE).unwrap();
    let mut configure = command("cmake");
    configure
        .arg("-S")
        .arg(folder.path())
        .arg("-B")
        .arg(folder.join("build"))
        .arg(format!("-DCMAKE_PREFIX_PATH={}", folder.join("usr").display()))
        .arg(format!(
            "-DCMAKE_C_STANDARD_LIBRARIES={}",
            of_the_workspace().await.join(" ")
        ));
    output(configure).await;
    let mut build = command("cmake");
    build.arg("--build").arg(folder.join("build"));
    output(build).await;
    run(&folder.join("build/with_jump"), &folder).await;
    output(command(folder.join("build/with_jump_static"))).await;
}

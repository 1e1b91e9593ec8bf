//! Programs in C and C++ that use the library as anybody would: built with the compiler of the machine, run against a live site with a
//! real sshd and a real VNC server.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod build;
mod in_rust;
mod installed;
mod live;
mod panics;
mod sweep;

use std::time::Duration;

use build::{Checks, Program};
use jump_testkit::folder::Folder;
use live::Live;

/// For everything that a program does.
const AT_MOST: Duration = Duration::from_secs(240);

#[tokio::test(flavor = "multi_thread")]
async fn every_scenario_holds_in_c() {
    let program = Program::c("conformance.c", Checks::None).await;
    Live::start().await.conformance(program.command()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_scenario_holds_in_c_under_the_address_and_undefined_behaviour_sanitizers() {
    let program = Program::c("conformance.c", Checks::AddressAndUndefined).await;
    Live::start().await.conformance(program.command()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_scenario_holds_in_cpp() {
    let program = Program::cpp("conformance.cpp", Checks::AddressAndUndefined, &[]).await;
    Live::start().await.conformance(program.command()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cpp_works_without_exceptions_and_in_two_units() {
    let program = Program::cpp(
        "no_exceptions.cpp",
        Checks::None,
        &["second_unit.cpp", "-fno-exceptions"],
    )
    .await;
    let live = Live::start().await;
    live.run(program.command(), &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn threads_may_share_a_session_and_free_it_under_each_other() {
    let program = Program::c("threads.c", Checks::Threads).await;
    let live = Live::start().await;
    live.run(program.command(), &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_that_were_freed_leave_nothing_behind() {
    let program = Program::c("many.c", Checks::AddressAndUndefined).await;
    let live = Live::start().await;
    live.run(program.command(), &["50"]).await;
}

#[cfg(debug_assertions)]
#[tokio::test(flavor = "multi_thread")]
async fn a_panic_ends_one_call_and_a_fork_is_noticed() {
    let program = Program::c("misuse.c", Checks::AddressAndUndefined).await;
    let live = Live::start().await;
    live.run(program.command(), &[]).await;
}

#[cfg(debug_assertions)]
#[tokio::test(flavor = "multi_thread")]
async fn a_panic_in_a_task_ends_what_the_task_was_for() {
    let program = Program::c("panics.c", Checks::AddressAndUndefined).await;
    let live = Live::start().await;
    live.run(program.command(), &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_whose_process_is_killed_is_told_to_whoever_waits() {
    let program = Program::c("lost.c", Checks::AddressAndUndefined).await;
    let live = Live::start().await;
    let port = live.sshd.address().port().to_string();
    live.run(program.command(), &[port.as_str()]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_and_a_jumpoint_run_in_a_c_program_with_callbacks() {
    let program = Program::c("embedded.c", Checks::AddressAndUndefined).await;
    let live = Live::start().await;
    let port = live.sshd.address().port().to_string();
    live.run(program.command(), &[port.as_str()]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_pointer_may_be_null_that_is_needed() {
    let program = Program::c_text(&sweep::program(), Checks::AddressAndUndefined).await;
    let live = Live::start().await;
    live.run(program.command(), &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn valgrind_finds_nothing_in_handles_events_and_an_embedded_site() {
    let program = Program::c("embedded.c", Checks::None).await;
    let live = Live::start().await;
    let port = live.sshd.address().port().to_string();
    live.run(program.under_valgrind(), &[port.as_str()]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_keeps_its_site_in_a_folder_and_tells_its_events() {
    let program = Program::c("folder.c", Checks::AddressAndUndefined).await;
    let folder = Folder::new().unwrap();
    let mut command = program.command();
    command.arg(folder.join("site"));
    build::output(command).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_examples_do_what_they_say() {
    let live = Live::start().await;
    let login = live.login();
    let exec = Program::example("c/examples/exec.c").await;
    let mut command = exec.command();
    command.arg(&login).args(["box", "id -un"]);
    assert_eq!(build::output(command).await, "jumptest\n");

    let screenshot = Program::example("c/examples/screenshot.c").await;
    let picture = live.path("picture.png");
    let mut command = screenshot.command();
    command.arg(&login).arg("desk").arg(&picture);
    build::output(command).await;
    let picture = std::fs::read(picture).unwrap();
    // PNG 12.12: width and height stand behind the signature and the name of the first chunk.
    assert_eq!(&picture[16..24], [0, 0, 2, 128, 0, 0, 1, 224]);

    let poll_loop = Program::example("c/examples/poll_loop.c").await;
    let mut command = poll_loop.command();
    command
        .arg(&login)
        .args(["echo one; sleep 0.1; echo two", "box", "web/box", "box"]);
    let said = build::output(command).await;
    assert_eq!(said.matches("box: exit code 0\n").count(), 3, "{said}");
    assert_eq!(said.matches("two\n").count(), 3, "{said}");

    let jumpoint = Program::example("c/examples/jumpoint.c").await;
    let identity = live.path("jumpoint");
    let mut command = jumpoint.command();
    command.arg(&identity).arg(live.invite_jumpoint("hamburg").await);
    assert!(build::output(command).await.contains("hamburg runs"));
    let mut command = jumpoint.command();
    command.arg(&identity);
    assert!(build::output(command).await.contains("hamburg runs"));

    let shell = Program::example("cpp/examples/shell.cpp").await;
    let mut command = shell.command();
    command.arg(&login).args(["box", "id -un; id -un"]);
    assert_eq!(build::output(command).await, "jumptest\njumptest\n");
}

#[tokio::test]
async fn the_programs_in_the_guide_build() {
    let guide = std::fs::read_to_string(build::root().join("../docs/c.md")).unwrap();
    let programs = |language: &str| -> Vec<String> {
        guide
            .split(&format!("```{language}\n"))
            .skip(1)
            .filter_map(|rest| rest.split("```").next())
            .filter(|text| text.contains("int main("))
            .map(str::to_owned)
            .collect()
    };
    let (c, cpp) = (programs("c"), programs("cpp"));
    assert_eq!((c.len(), cpp.len()), (1, 1));
    Program::c_text(&c[0], Checks::None).await;
    Program::cpp_text(&cpp[0]).await;
}

#[tokio::test]
async fn the_shared_library_exports_our_names_only_and_has_its_own() {
    let mut nm = jump_testkit::process::command("nm");
    nm.args(["-D", "--defined-only", "--format=posix"])
        .arg(build::shared_library());
    let exported = build::output(nm).await;
    let strangers: Vec<&str> = exported
        .lines()
        .filter_map(|line| line.split(' ').next())
        .filter(|name| !name.starts_with("jump_"))
        .collect();
    assert!(strangers.is_empty(), "{strangers:?}");
    let header = std::fs::read_to_string(build::include().join("jump/jump.h")).unwrap();
    for function in sweep::functions(&header) {
        let line = format!("{} T ", function.name);
        assert!(exported.contains(&line), "{} is not exported", function.name);
    }
    let mut readelf = jump_testkit::process::command("readelf");
    readelf.arg("-d").arg(build::shared_library());
    let dynamic = build::output(readelf).await;
    assert!(dynamic.contains("soname: [libjump.so.0]"), "{dynamic}");
}

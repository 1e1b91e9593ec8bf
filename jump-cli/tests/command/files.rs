//! Files there and back, and recordings in their forms.

use jump_testkit::sshd::Sshd;

use crate::support::Site;

#[tokio::test]
async fn cp_copies_both_ways_and_shows_no_bar_in_a_pipe() {
    let (site, sshd) = (Site::start().await, Sshd::start().await.unwrap());
    site.add_shell(&sshd).await;
    let bytes: Vec<u8> = (0..3_000_000u32).map(|at| ((at * 7) >> 3) as u8).collect();
    let here = site.admin.home.write("file.bin", &bytes).unwrap();
    let there = sshd.path("");
    let said = site
        .admin
        .run(&["cp", here.to_str().unwrap(), &format!("web:{}", there.display())])
        .await;
    assert_eq!((said.code, said.err.as_str()), (0, ""), "{said:?}");
    assert!(std::fs::read(sshd.path("file.bin")).unwrap() == bytes);
    let back = site.admin.home.join("back");
    std::fs::create_dir(&back).unwrap();
    let from = format!("default/web:{}", sshd.path("file.bin").display());
    let copied = site
        .admin
        .run(&["cp", "--json", &from, back.to_str().unwrap()])
        .await
        .json();
    assert_eq!(copied["bytes"], bytes.len());
    assert!(std::fs::read(back.join("file.bin")).unwrap() == bytes);
    let missing = site
        .admin
        .run(&["cp", "web:/nowhere/at/all", back.to_str().unwrap()])
        .await;
    assert_eq!(missing.code, 5, "{missing:?}");
    assert_eq!(site.admin.run(&["cp", "a", "b"]).await.code, 2);
}

#[tokio::test]
async fn a_recording_is_exported_as_a_cast_and_as_text() {
    let (site, sshd) = (Site::start().await, Sshd::start().await.unwrap());
    site.add_shell(&sshd).await;
    site.admin
        .run_with(
            &["ssh", "web", "cat; printf '\\033[1mbold\\033[0m\\n'"],
            "typed\n",
        )
        .await
        .ok();
    let sessions = site.admin.run(&["sessions", "--json"]).await.json();
    let id = sessions[0]["id"].as_str().unwrap();
    let text = site.admin.run(&["export", id, "--format", "text"]).await.ok();
    assert_eq!(text, "typed\nbold\n");
    let file = site.admin.home.join("cast");
    site.admin
        .run(&["export", id, "-o", file.to_str().unwrap()])
        .await
        .ok();
    let cast = std::fs::read_to_string(file).unwrap();
    let header: serde_json::Value = serde_json::from_str(cast.lines().next().unwrap()).unwrap();
    assert_eq!(header["version"], 2);
    assert!(cast.lines().skip(1).all(|line| {
        serde_json::from_str::<serde_json::Value>(line)
            .unwrap()
            .is_array()
    }));
    assert_eq!(
        site.admin
            .run(&["export", "00000000000000000000000000000000"])
            .await
            .code,
        5
    );
}

#[tokio::test]
async fn files_move_where_the_session_policy_says_and_the_report_has_them() {
    let (site, sshd) = (Site::start().await, Sshd::start().await.unwrap());
    site.add_shell(&sshd).await;
    let folder = sshd.path("").canonicalize().unwrap();
    let folder = folder.to_str().unwrap();
    let here = site.admin.home.write("file.bin", "bytes").unwrap();
    let here = here.to_str().unwrap();
    let bad = site
        .admin
        .run(&["session-policies", "add", "bad", "--upload-path", "/srv/../etc"])
        .await;
    assert_eq!(bad.code, 2, "{bad:?}");
    site.admin
        .run(&[
            "session-policies",
            "add",
            "drop",
            "--deny",
            "file_download",
            "--upload-path",
            folder,
        ])
        .await
        .ok();
    site.admin
        .run(&["items", "edit", "web", "--session-policy", "drop"])
        .await
        .ok();
    let why = site.admin.run(&["why", "web"]).await.ok();
    let line = format!("uploads: only beneath {folder}, the item's session policy \"drop\"");
    assert!(why.contains(&line), "{why}");

    site.admin
        .run(&["cp", here, &format!("web:{folder}/in.bin")])
        .await
        .ok();
    let outside = site.admin.run(&["cp", here, "web:/tmp/jump-outside.bin"]).await;
    assert_eq!(outside.code, 3, "{outside:?}");
    let back = site.admin.home.join("back.bin");
    let back = back.to_str().unwrap();
    let down = site
        .admin
        .run(&["cp", &format!("web:{folder}/in.bin"), back])
        .await;
    assert_eq!(down.code, 3, "{down:?}");
    let report = site
        .admin
        .run(&["report", "sessions", "--details", "--json"])
        .await
        .ok();
    for word in [
        "File Upload\"",
        "File Upload Failed",
        "File Download Failed",
        "in.bin",
    ] {
        assert!(report.contains(word), "{word}: {report}");
    }

    let edit = ["session-policies", "edit", "drop", "--clear", "upload-path"];
    site.admin.run(&edit).await.ok();
    let why = site.admin.run(&["why", "web"]).await.ok();
    assert!(!why.contains("only beneath"), "{why}");
}

//! Tunnel items: local ports, and one connection over standard input and output.

use jump_testkit::process::Process;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::support::{LONG, Site};

/// A server that sends everything back in capitals, until its client ends.
async fn capitals() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut text = Vec::new();
                stream.read_to_end(&mut text).await.unwrap();
                stream.write_all(&text.to_ascii_uppercase()).await.unwrap();
            });
        }
    });
    port
}

#[tokio::test]
async fn many_connections_pass_a_local_port_at_once() {
    let port = capitals().await;
    let site = Site::start().await;
    let forward = format!("0:{port}");
    site.admin
        .run(&[
            "items",
            "add",
            "tunnel",
            "db",
            "--host",
            "127.0.0.1",
            "--forward",
            &forward,
        ])
        .await
        .ok();
    let mut tunnel: Process = site.admin.spawn(&["tunnel", "db", "--json"]);
    let line = tunnel.wait_for_line("listening", LONG).await.unwrap();
    let listening: Value = serde_json::from_str(&line).unwrap();
    let local = listening["listening"].as_str().unwrap().to_owned();
    let one = |number: usize| {
        let local = local.clone();
        async move {
            let mut stream = TcpStream::connect(local).await.unwrap();
            let text = format!("connection {number} ").repeat(1000);
            stream.write_all(text.as_bytes()).await.unwrap();
            stream.shutdown().await.unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.unwrap();
            assert_eq!(answer, text.to_uppercase());
        }
    };
    let all: Vec<_> = (0..20).map(|number| tokio::spawn(one(number))).collect();
    for connection in all {
        connection.await.unwrap();
    }
    let active = site.admin.run(&["sessions", "--active", "--json"]).await.json();
    assert_eq!(
        active.as_array().unwrap().len(),
        1,
        "all of them are one session: {active}"
    );
    site.admin.run(&["items", "remove", "db"]).await.ok();
    assert_eq!(
        tunnel.wait(LONG).await.unwrap().code(),
        Some(8),
        "{}",
        tunnel.output()
    );
}

#[tokio::test]
async fn one_connection_passes_standard_input_and_output() {
    let port = capitals().await;
    let site = Site::start().await;
    let forwards = [format!("0:{port}"), "0:9".to_owned()];
    let add = [
        "items",
        "add",
        "tunnel",
        "db",
        "--host",
        "127.0.0.1",
        "--forward",
        &forwards[0],
        "--forward",
        &forwards[1],
    ];
    site.admin.run(&add).await.ok();
    assert_eq!(site.admin.run(&["proxy", "db"]).await.code, 2, "which port?");
    let said = site
        .admin
        .run_with(&["proxy", "db", "--port", &port.to_string()], "quiet")
        .await;
    assert_eq!(said.ok(), "QUIET");
    let other = site.admin.run(&["proxy", "db", "--port", "1"]).await;
    assert_eq!(other.code, 3, "{other:?}");
}

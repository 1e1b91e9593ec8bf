//! What a store on a database server must do besides: outlive the server and its own clients, share the database, trust
//! nobody without proof.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a step that fails is a test that fails; the killed child talks to its parent"
)]

#[path = "../data/mod.rs"]
mod data;

mod brokers;
mod connecting;
mod crashes;
mod following;
mod sharing;
mod text;

use jump_core::id::UserId;
use jump_core::model::{Change, User, UserName};
use jump_store::{PostgresOptions, PostgresStore};
use jump_testkit::postgres::Postgres;
use tokio_postgres::{Client, NoTls};

/// Options for a server's Unix socket.
fn options(server: &Postgres) -> PostgresOptions {
    PostgresOptions::parse(&server.socket_address()).unwrap()
}

async fn open(server: &Postgres) -> PostgresStore {
    PostgresStore::open(options(server)).await.unwrap()
}

/// A connection that goes around the store, in the store's schema.
async fn raw(server: &Postgres) -> Client {
    let (client, connection) = tokio_postgres::connect(&server.socket_address(), NoTls)
        .await
        .unwrap();
    tokio::spawn(connection);
    client.batch_execute("SET search_path = jump").await.unwrap();
    client
}

fn add_user(id: u32) -> Change {
    let name = UserName::new(format!("user-{id}")).unwrap();
    Change::PutUser(User::new(UserId::new(id).unwrap(), name))
}

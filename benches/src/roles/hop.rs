//! One encrypted hop with our own engine and pump, and no relay: what the whole path is measured against.

use std::net::Ipv4Addr;
use std::time::Duration;

use jump_core::Result;
use jump_core::keys::{PublicKey, SigningKey};
use jump_core::tunnel::{Socket, TcpTransport, Tls, Transport, pump};

use super::Starter;

const ALPN: &str = "bench/1";
const PATIENCE: Duration = Duration::from_secs(10);

async fn accept_each<F>(starter: &Starter, serve: impl Fn(Socket) -> F) -> Result<()>
where
    F: Future<Output = Result<()>> + Send + 'static,
{
    let mut listener = TcpTransport.listen(&format!("{}:0", Ipv4Addr::LOCALHOST)).await?;
    starter.tell(listener.address())?;
    loop {
        let (socket, _) = listener.accept().await?;
        // A driver that has seen enough hangs up.
        tokio::spawn(serve(socket));
    }
}

/// The end at the target; tells its key, then its address.
pub(super) async fn back(starter: Starter, target: &str) -> Result<()> {
    let key = SigningKey::generate()?;
    let tls = Tls::ring();
    starter.tell(key.public())?;
    accept_each(&starter, move |socket| {
        let (tls, key, target) = (tls.clone(), key.clone(), target.to_owned());
        async move {
            let stream = tls.accept(socket, &[], &key, None, ALPN, PATIENCE).await?;
            let target = TcpTransport.dial(&target).await?;
            pump(stream, target).await.map(|_| ())
        }
    })
    .await
}

/// The end at the driver; is told the other's key.
pub(super) async fn front(mut starter: Starter, back: &str) -> Result<()> {
    let peer: PublicKey = starter.hear().await?.parse()?;
    let key = SigningKey::generate()?;
    let tls = Tls::ring();
    accept_each(&starter, move |socket| {
        let (tls, key, back) = (tls.clone(), key.clone(), back.to_owned());
        async move {
            let onward = TcpTransport.dial(&back).await?;
            let stream = tls.connect(onward, &key, &peer, ALPN, PATIENCE).await?;
            pump(stream, socket).await.map(|_| ())
        }
    })
    .await
}

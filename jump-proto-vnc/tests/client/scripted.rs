//! A server that says what a test tells it to.

use jump_core::protocol::ScreenSession;
use jump_proto_vnc::client::{VncClient, VncClientOptions};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

/// A session with a server without a login, and that one's end of the stream after the handshake.
pub(crate) async fn scripted(
    [width, height]: [u8; 2],
    options: VncClientOptions,
) -> (Box<dyn ScreenSession>, DuplexStream) {
    let (near, mut far) = tokio::io::duplex(64 * 1024);
    let server = async {
        far.write_all(b"RFB 003.008\n").await.unwrap();
        far.read_exact(&mut [0; 12]).await.unwrap();
        far.write_all(&[1, 1]).await.unwrap();
        far.read_exact(&mut [0; 1]).await.unwrap();
        far.write_all(&[0; 4]).await.unwrap();
        far.read_exact(&mut [0; 1]).await.unwrap();
        let format = [32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 0, 8, 16, 0, 0, 0];
        let init = [&[0, width, 0, height][..], &format, &[0, 0, 0, 4], b"desk"].concat();
        far.write_all(&init).await.unwrap();
        far
    };
    let (session, far) = tokio::join!(VncClient::connect(Box::new(near), options), server);
    (session.unwrap(), far)
}

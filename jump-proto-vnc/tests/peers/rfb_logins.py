"""A VNC server that only knows how to be logged in to, written from rfbproto and independent of the library: RSA-AES in its
four forms and Apple's Diffie-Hellman. Its arguments: the security type, the user name (empty: only a password is wanted) and
the password, and `lie` for one that does not send the hash of the keys. It prints its port and the SHA-256 of its RSA key, serves one viewer, and prints `session` and what it got last
once the viewer sent 4 bytes more, which it answers with the same in capitals."""

import hashlib
import os
import socket
import sys

from cryptography.hazmat.primitives import cmac
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

KIND, USER, PASSWORD = int(sys.argv[1]), sys.argv[2].encode(), sys.argv[3].encode()
# Oakley group 2 (RFC 2409 section 6.2).
PRIME = int(
    "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DD"
    "EF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED"
    "EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE65381FFFFFFFFFFFFFFFF",
    16,
)


class Eax:
    def __init__(self, key):
        self.key, self.index = key, 0

    def omac(self, number, data):
        mac = cmac.CMAC(algorithms.AES(self.key))
        mac.update(bytes(15) + bytes([number]) + data)
        return mac.finalize()

    def run(self, header, data, seal):
        nonce = self.omac(0, self.index.to_bytes(16, "little"))
        self.index += 1
        counter = Cipher(algorithms.AES(self.key), modes.CTR(nonce)).encryptor()
        result = counter.update(data)
        sealed = result if seal else data
        mac = bytes(a ^ b ^ c for a, b, c in zip(nonce, self.omac(1, header), self.omac(2, sealed)))
        return result, mac


class Wire:
    """The connection, in the clear or in AES-EAX."""

    def __init__(self, connection):
        self.connection, self.outgoing, self.incoming, self.plain = connection, None, None, b""

    def raw(self, count):
        data = b""
        while len(data) < count:
            piece = self.connection.recv(count - len(data))
            if not piece:
                sys.exit("the viewer went away")
            data += piece
        return data

    def read(self, count):
        if self.incoming is None:
            return self.raw(count)
        while len(self.plain) < count:
            header = self.raw(2)
            sealed, mac = self.raw(int.from_bytes(header, "big")), self.raw(16)
            opened, expected = self.incoming.run(header, sealed, False)
            assert mac == expected, "the viewer's MAC is wrong"
            self.plain += opened
        result, self.plain = self.plain[:count], self.plain[count:]
        return result

    def write(self, data):
        if self.outgoing is not None:
            header = len(data).to_bytes(2, "big")
            sealed, mac = self.outgoing.run(header, data, True)
            data = header + sealed + mac
        self.connection.sendall(data)


def public(numbers, size):
    return (size * 8).to_bytes(4, "big") + numbers.n.to_bytes(size, "big") + numbers.e.to_bytes(size, "big")


def rsa_aes(wire, key):
    long, whole = KIND >= 129, KIND in (5, 129)
    digest = hashlib.sha256 if long else hashlib.sha1
    length = 32 if long else 16
    mine = public(key.public_key().public_numbers(), 256)
    wire.write(mine)
    theirs = wire.read(4)
    size = (int.from_bytes(theirs, "big") + 7) // 8
    modulus, exponent = wire.read(size), wire.read(size)
    theirs += modulus + exponent
    viewer = rsa.RSAPublicNumbers(int.from_bytes(exponent, "big"), int.from_bytes(modulus, "big")).public_key()
    server_random = os.urandom(length)
    sealed = viewer.encrypt(server_random, padding.PKCS1v15())
    wire.write(len(sealed).to_bytes(2, "big") + sealed)
    viewer_random = key.decrypt(wire.read(int.from_bytes(wire.read(2), "big")), padding.PKCS1v15())
    assert len(viewer_random) == length
    wire.incoming = Eax(digest(server_random + viewer_random).digest()[:length])
    wire.outgoing = Eax(digest(viewer_random + server_random).digest()[:length])
    wire.write(digest(theirs if sys.argv[4:] == ["lie"] else mine + theirs).digest())
    assert wire.read(len(digest().digest())) == digest(theirs + mine).digest(), "the viewer's hash is wrong"
    wire.write(bytes([1 if USER else 2]))
    user = wire.read(wire.read(1)[0])
    password = wire.read(wire.read(1)[0])
    if not whole:
        wire.incoming = wire.outgoing = None
    return user, password


def apple(wire):
    secret = int.from_bytes(os.urandom(128), "big")
    wire.write((2).to_bytes(2, "big") + (128).to_bytes(2, "big") + PRIME.to_bytes(128, "big"))
    wire.write(pow(2, secret, PRIME).to_bytes(128, "big"))
    sealed, theirs = wire.read(128), int.from_bytes(wire.read(128), "big")
    key = hashlib.md5(pow(theirs, secret, PRIME).to_bytes(128, "big")).digest()
    plain = Cipher(algorithms.AES(key), modes.ECB()).decryptor().update(sealed)
    return plain[:64].split(b"\0")[0], plain[64:].split(b"\0")[0]


def main():
    key = rsa.generate_private_key(65537, 2048) if KIND != 30 else None
    pin = hashlib.sha256(public(key.public_key().public_numbers(), 256)).hexdigest() if key else "none"
    listener = socket.create_server(("127.0.0.1", 0))
    print("port", listener.getsockname()[1], pin, flush=True)
    wire = Wire(listener.accept()[0])
    wire.write(b"RFB 003.008\n")
    assert wire.read(12) == b"RFB 003.008\n"
    wire.write(bytes([1, KIND]))
    assert wire.read(1)[0] == KIND
    user, password = apple(wire) if KIND == 30 else rsa_aes(wire, key)
    if (user, password) != (USER, PASSWORD):
        reason = b"wrong user or password"
        wire.write((1).to_bytes(4, "big") + len(reason).to_bytes(4, "big") + reason)
        return
    wire.write(bytes(4))
    assert wire.read(1) == b"\1"
    name = b"peer"
    wire.write((8).to_bytes(2, "big") + (6).to_bytes(2, "big") + bytes([32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 16, 8, 0, 0, 0, 0]))
    wire.write(len(name).to_bytes(4, "big") + name)
    last = wire.read(4)
    wire.write(last.upper())
    print("session", last.decode(), flush=True)


main()

//! Which addresses a Jumpoint may reach, whatever it is granted.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

/// A Jumpoint's own rule about addresses. Both this and the grant must permit a connection.
///
/// By default every unicast address is permitted except those that lead back into the Jumpoint's own machine or that
/// no target has: loopback, its own addresses, link-local and the metadata addresses of clouds, multicast, broadcast,
/// unspecified, and IPv6 addresses that embed such an IPv4 address. An entry of [`NetworkPolicy::allowing`] permits
/// its addresses even so.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NetworkPolicy {
    allow: Vec<IpNet>,
    only_listed: bool,
}

impl NetworkPolicy {
    /// The default: see the type.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Permits these addresses as well, even if they are loopback or link-local.
    #[must_use]
    pub fn allowing(mut self, networks: impl IntoIterator<Item = IpNet>) -> Self {
        self.allow.extend(networks);
        self
    }

    /// Permits only what [`NetworkPolicy::allowing`] lists.
    #[must_use]
    pub const fn only_listed(mut self) -> Self {
        self.only_listed = true;
        self
    }

    /// Whether the address is in a network that [`NetworkPolicy::allowing`] lists.
    #[must_use]
    pub fn lists(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.allow.iter().any(|network| network.contains(&address))
    }

    /// Whether the address may be reached. Which addresses are the machine's own is not known here:
    /// [`NetworkDialer`](super::NetworkDialer) adds that.
    #[must_use]
    pub fn permits(&self, address: IpAddr) -> bool {
        // ::ffff:127.0.0.1 and its like are judged by the IPv4 address that they really reach.
        let address = address.to_canonical();
        if self.lists(address) {
            return true;
        }
        !self.only_listed
            && match address {
                IpAddr::V4(address) => ordinary_v4(address),
                IpAddr::V6(address) => ordinary_v6(address),
            }
    }
}

fn ordinary_v4(address: Ipv4Addr) -> bool {
    let [first, ..] = address.octets();
    // 0/8 is "this network" (RFC 791 §3.2), 240/4 reserved (RFC 1112 §4) with the broadcast address at its end.
    !(first == 0
        || first >= 240
        || address.is_loopback()
        || address.is_link_local()
        || address.is_multicast()
        || METADATA_V4.contains(&address))
}

/// Where clouds tell machines their secrets, besides 169.254.169.254: Oracle, Alibaba, Azure.
const METADATA_V4: [Ipv4Addr; 3] = [
    Ipv4Addr::new(192, 0, 0, 192),
    Ipv4Addr::new(100, 100, 100, 200),
    Ipv4Addr::new(168, 63, 129, 16),
];
/// The same over IPv6: Amazon, Google.
const METADATA_V6: [Ipv6Addr; 2] = [
    Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254),
    Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254),
];

fn ordinary_v6(address: Ipv6Addr) -> bool {
    if address.is_unspecified()
        || address.is_loopback()
        || address.is_multicast()
        || address.is_unicast_link_local()
        || METADATA_V6.contains(&address)
    {
        return false;
    }
    let [a, b, c, d, e, f, g, h] = address.segments();
    let v4 = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        Ipv4Addr::new(a, b, c, d)
    };
    match [a, b, c, d, e, f] {
        // ::/96, IPv4-compatible, deprecated (RFC 4291 §2.5.5.1).
        [0, 0, 0, 0, 0, 0] => false,
        // 64:ff9b::/96, NAT64 (RFC 6052 §2.1): as good as the address behind it.
        [0x64, 0xff9b, 0, 0, 0, 0] => ordinary_v4(v4(g, h)),
        // 64:ff9b:1::/48, local-use NAT64 (RFC 8215): the position of the address is the network's own choice.
        [0x64, 0xff9b, 1, ..] => false,
        // 2002::/16, 6to4 (RFC 3056 §2).
        [0x2002, high, low, ..] => ordinary_v4(v4(high, low)),
        // 2001::/32, Teredo (RFC 4380 §4): an address in disguise.
        [0x2001, 0, ..] => false,
        // fec0::/10, site-local, deprecated (RFC 3879).
        [first, ..] => first & 0xffc0 != 0xfec0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn permits(policy: &NetworkPolicy, address: &str) -> bool {
        policy.permits(address.parse().unwrap())
    }

    #[test]
    fn s23_ways_back_into_the_machine_are_shut_by_default() {
        let policy = NetworkPolicy::new();
        for shut in [
            "127.0.0.1",
            "127.8.8.8",
            "0.0.0.0",
            "0.1.2.3",
            "255.255.255.255",
            "240.0.0.1",
            "169.254.169.254",
            "224.0.0.1",
            "::1",
            "::",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "::7f00:1",
            "fe80::1",
            "ff02::1",
            "64:ff9b::7f00:1",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b:1::1",
            "2002:7f00:1::",
            "2001:0:1::1",
            "fec0::1",
            "192.0.0.192",
            "100.100.100.200",
            "168.63.129.16",
            "fd00:ec2::254",
            "fd20:ce::254",
            "64:ff9b::6464:64c8",
        ] {
            assert!(!permits(&policy, shut), "{shut}");
        }
        for open in [
            "10.0.0.5",
            "192.168.1.1",
            "172.16.0.1",
            "192.0.2.7",
            "2001:db8::1",
            "fd00::1",
            "64:ff9b::a00:5",
            "::ffff:10.0.0.5",
        ] {
            assert!(permits(&policy, open), "{open}");
        }
    }

    #[test]
    fn s23_a_list_opens_what_it_names_and_can_shut_the_rest() {
        let policy = NetworkPolicy::new().allowing(["127.0.0.0/8".parse().unwrap()]);
        assert!(
            permits(&policy, "127.0.0.1")
                && permits(&policy, "::ffff:127.0.0.1")
                && permits(&policy, "10.0.0.1")
        );
        let policy = NetworkPolicy::new()
            .allowing(["10.1.0.0/16".parse().unwrap()])
            .only_listed();
        assert!(permits(&policy, "10.1.2.3"));
        assert!(
            !permits(&policy, "10.2.0.1")
                && !permits(&policy, "127.0.0.1")
                && !permits(&policy, "2001:db8::1")
        );
    }
}

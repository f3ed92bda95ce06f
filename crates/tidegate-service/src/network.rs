//! Which addresses the service may connect to. Whoever may make an instance could otherwise have it knock at every door
//! of the network that it stands in.

use ipnet::IpNet;
use std::net::IpAddr;
use std::sync::Arc;
use tidegate_model::{Code, Error, Gate, Result};

/// Words for ranges, in the settings.
const WORDS: [(&str, &[&str]); 2] = [
    ("loopback", &["127.0.0.0/8", "::1/128"]),
    ("private", &["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7"]),
];
/// Everything that is neither in [`WORDS`] nor in [`NEVER`].
const PUBLIC: &str = "public";
/// Where machines ask for their own secrets, and link-local addresses: never allowed by a word, only by naming the very
/// address.
const NEVER: [&str; 7] = [
    "169.254.0.0/16",
    "fe80::/10",
    "100.100.100.200/32",
    "fd00:ec2::254/128",
    // These lead to the machine itself, or to IPv4 by another name.
    "0.0.0.0/8",
    "::/128",
    "64:ff9b::/96",
];

/// What holds unless the settings say otherwise.
pub(crate) const ALLOW_DEFAULT: [&str; 2] = ["loopback", "private"];

/// Reads both lists. `deny` wins over `allow`; what is in neither is denied.
pub(crate) fn gate(allow: &[String], deny: &[String]) -> Result<Gate> {
    let allow = read("network.allow", allow)?;
    let deny = read("network.deny", deny)?;
    let read_all =
        |texts: &[&str]| -> Vec<IpNet> { texts.iter().filter_map(|text| text.parse().ok()).collect() };
    let never = read_all(&NEVER);
    let known: Vec<IpNet> = WORDS.iter().flat_map(|(_, ranges)| read_all(ranges)).collect();
    Ok(Arc::new(move |address: IpAddr| {
        let within = |networks: &[IpNet]| networks.iter().any(|network| network.contains(&address));
        let among =
            |list: &Networks| within(&list.named) || (list.public && !within(&known) && !within(&never));
        let named = allow
            .named
            .iter()
            .any(|network| network.prefix_len() == network.max_prefix_len() && network.contains(&address));
        if among(&allow) && !among(&deny) && (named || !within(&never)) {
            return Ok(());
        }
        let what = format!("{address} may not be connected to");
        let remedy =
            format!("if it is right, add \"{address}\" to [network] allow in the service's settings");
        Err(Error::new(Code::AddressDenied, what).with_remedy(remedy))
    }))
}

/// One of the two lists.
struct Networks {
    named: Vec<IpNet>,
    public: bool,
}

fn read(name: &str, texts: &[String]) -> Result<Networks> {
    let mut networks = Networks { named: Vec::new(), public: false };
    for text in texts {
        if let Some((_, ranges)) = WORDS.iter().find(|(word, _)| word == text) {
            networks.named.extend(ranges.iter().filter_map(|range| range.parse::<IpNet>().ok()));
            continue;
        }
        if text == PUBLIC {
            networks.public = true;
            continue;
        }
        let one = text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
        networks.named.push(one.map_err(|_| {
            Error::new(Code::BadSetting, format!("{name}: '{text}' is no network"))
                .with_remedy("write 10.0.0.0/8, one address, or one of the words loopback, private, public")
        })?);
    }
    Ok(networks)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_may_be_connected_to() {
        let of = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        for (allow, deny, address, may) in [
            (&ALLOW_DEFAULT[..], &[][..], "127.0.0.1", true),
            (&ALLOW_DEFAULT, &[], "::1", true),
            (&ALLOW_DEFAULT, &[], "10.1.2.3", true),
            (&ALLOW_DEFAULT, &[], "fd12::1", true),
            (&ALLOW_DEFAULT, &[], "8.8.8.8", false),
            (&ALLOW_DEFAULT, &[], "169.254.169.254", false),
            (&ALLOW_DEFAULT, &[], "100.100.100.200", false),
            (&ALLOW_DEFAULT, &[], "fd00:ec2::254", false),
            (&ALLOW_DEFAULT, &[], "0.0.0.0", false),
            (&ALLOW_DEFAULT, &["10.1.0.0/16"], "10.1.2.3", false),
            (&["public"], &[], "8.8.8.8", true),
            (&["public"], &[], "169.254.169.254", false),
            (&["public"], &[], "127.0.0.1", false),
            (&["public"], &[], "10.1.2.3", false),
            (&["public"], &["8.8.0.0/16"], "8.8.8.8", false),
            (&["public"], &[], "::", false),
            (&["loopback", "private", "public"], &["public"], "8.8.8.8", false),
            (&["169.254.0.0/16"], &[], "169.254.169.254", false),
            (&["169.254.169.254"], &[], "169.254.169.254", true),
            (&["203.0.113.7"], &[], "203.0.113.7", true),
            (&["203.0.113.7"], &[], "203.0.113.8", false),
            (&[], &[], "127.0.0.1", false),
        ] {
            let said = gate(&of(allow), &of(deny)).unwrap()(address.parse().unwrap());
            assert_eq!(said.is_ok(), may, "{allow:?} {deny:?} {address}");
        }
        let refused = gate(&of(&["home"]), &[]).err().unwrap();
        assert!(refused.message().contains("network.allow: 'home'"), "{refused}");
    }
}

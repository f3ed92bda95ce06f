//! Whether databases can be reached, and from where they are.

use super::answer::{Refusal, done_in_words, with};
use super::asked::Asked;
use super::endpoint::{End, Given};
use super::modify::side;
use crate::orders::connecting;
use serde_json::{Value, json};
use std::net::UdpSocket;
use tidegate_model::Code;

pub(super) async fn status(asked: &Asked) -> Result<Value, Refusal> {
    let mut answer = done_in_words();
    for (end, name) in
        [(End::Source, "SourceConnectionStatus"), (End::Destination, "DestinationConnectionStatus")]
    {
        let is_given =
            ["IP", "InstanceID"].iter().any(|rest| asked.given.get(&end.parameter(rest)).is_some());
        if is_given {
            answer = with(answer, json!({ name: of(asked, end).await? }));
        }
    }
    match answer.as_object().is_some_and(|fields| fields.len() > 1) {
        true => Ok(answer),
        false => Err(Refusal::new(
            400,
            "MissingSourceEndpointIP",
            "SourceEndpointIP is mandatory for this action.",
        )),
    }
}

async fn of(asked: &Asked, end: End) -> Result<Value, Refusal> {
    let mut given = Given::new(end, asked.given.all());
    given.password = asked.given.get(&end.parameter("Password")).map(str::to_owned);
    let connected = connecting::connect(&asked.service, given.spec(&asked.service)?, side(end)).await;
    let answers = !matches!(
        connected.as_ref().map_err(tidegate_model::Error::code),
        Err(Code::Unreachable | Code::Silent | Code::AddressDenied)
    );
    let advice = match &connected {
        Ok(answer) => format!("{}, within {} ms", answer.server, answer.milliseconds),
        Err(error) => format!("{} [{}]. {}", error.message(), error.code().as_str(), error.remedy()),
    };
    Ok(json!({
        "connectRes": connected.is_ok(),
        "connectAdvice": advice,
        "connectDetail": [
            { "testName": "Telnet ", "testSuccess": answers },
            { "testName": "MySQL JDBC Connect", "testSuccess": connected.is_ok() },
        ],
    }))
}

/// The networks that the settings name; else the address that this machine has towards others.
pub(super) fn addresses(asked: &Asked) -> Result<Value, Refusal> {
    let named = &asked.service.settings.official_api.addresses;
    let list = if named.is_empty() { own_address()? } else { named.join(",") };
    Ok(with(done_in_words(), json!({ "DynamicMessage": list })))
}

/// Nothing is sent: a socket that has a peer knows which address of the machine leads there.
fn own_address() -> Result<String, Refusal> {
    let towards = |peer: &str| {
        let socket = UdpSocket::bind("0.0.0.0:0")?;
        socket.connect(peer)?;
        socket.local_addr()
    };
    // An address for documentation: whatever the way out is, it leads there.
    let address = towards("192.0.2.1:9").or_else(|_| towards("127.0.0.1:9"));
    address.map(|address| format!("{}/32", address.ip())).map_err(|error| {
        Refusal::denied(&format!(
            "The machine's address is not known ({error}); name it under official_api.addresses."
        ))
    })
}

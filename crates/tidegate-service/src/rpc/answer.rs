//! Answers in the words of the official API.

use crate::http::Failure;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};
use tidegate_model::{Code, Error};

/// Why something is not done. Every client raises an error for a status of 400 and more with these fields.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) code: String,
    pub(super) message: String,
}

impl Refusal {
    pub(super) fn new(status: u16, code: &str, message: &str) -> Self {
        Self { status, code: code.to_owned(), message: message.to_owned() }
    }

    /// Something that this service does not do, or not now.
    pub(super) fn denied(message: &str) -> Self {
        Self::new(403, "OperationDenied", message)
    }

    /// Terraform takes this for "it is gone".
    pub(super) fn gone() -> Self {
        Self::new(404, "Forbidden.InstanceNotFound", "The instance is not found.")
    }

    /// `host`: whom the client has asked.
    pub(super) fn into_response(self, request: &str, host: &str) -> Response {
        let body = json!({
            "RequestId": request, "HostId": host, "Code": self.code, "Message": self.message,
        });
        respond(self.status, request, &body)
    }
}

/// No status of 500 and more for what a caller has done: Terraform would ask again and again.
impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        let (status, code) = match error.code() {
            Code::InstanceUnknown => return Self::gone(),
            Code::NotAllowed | Code::GenerationChanged => (403, "InvalidJobStatus"),
            Code::RoleTooLow => (403, "Forbidden.RAM"),
            Code::UnsupportedEngine | Code::UnsupportedServer => (403, "UnSupportedTaskType"),
            Code::BadUrl => (403, "DTS.Msg.InvalidEndpoint"),
            Code::Unreachable | Code::Silent | Code::ConnectionLost | Code::AddressDenied => {
                (403, "CheckJobFailed.ServerUnAvailable")
            }
            Code::BadRequest | Code::BadPattern => (400, "InvalidParameter"),
            Code::StoreFailed | Code::Internal | Code::SecretKey => (500, "InternalError"),
            _ => (403, "OperationDenied"),
        };
        let message = format!("{} [{}]. {}", error.message(), error.code().as_str(), error.remedy());
        Self { status, code: code.to_owned(), message }
    }
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        failure.into_error().into()
    }
}

/// Most operations say `Success` as a truth value …
pub(super) fn done() -> Value {
    json!({ "Success": true, "HttpStatusCode": 200 })
}

/// … and some as a text.
pub(super) fn done_in_words() -> Value {
    json!({ "Success": "true" })
}

/// `answer` with more in it.
pub(super) fn with(mut answer: Value, more: Value) -> Value {
    if let (Some(answer), Value::Object(more)) = (answer.as_object_mut(), more) {
        answer.extend(more);
    }
    answer
}

pub(super) fn succeed(mut answer: Value, request: &str) -> Response {
    if let Some(answer) = answer.as_object_mut() {
        without_nulls(answer);
        answer.insert("RequestId".to_owned(), request.into());
        // pop-core takes every other word under this name for an error.
        debug_assert!(!answer.contains_key("Code"), "a success has no code");
    }
    respond(200, request, &answer)
}

/// What is not known is not there: typed clients read `null` as they please.
fn without_nulls(fields: &mut Map<String, Value>) {
    fields.retain(|_, value| !value.is_null());
    for value in fields.values_mut() {
        clean(value);
    }
}

fn clean(value: &mut Value) {
    match value {
        Value::Object(fields) => without_nulls(fields),
        Value::Array(values) => values.iter_mut().for_each(clean),
        _ => {}
    }
}

fn respond(status: u16, request: &str, body: &Value) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = (status, body.to_string()).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json;charset=utf-8"));
    if let Ok(request) = HeaderValue::from_str(request) {
        headers.insert("x-acs-request-id", request);
    }
    response
}

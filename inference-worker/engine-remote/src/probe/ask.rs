//! Questions of a probe.

use crate::capabilities::Capabilities;
use crate::client::Upstream;
use crate::error::UpstreamError;
use crate::wire::RawAnswer;
use quern_inference_api::Endpoint;
use serde_json::{Value, json};

/// What a model is given to continue.
pub(super) const PROMPT: &str = "Once upon a time there was";
/// Tokens of the greedy output that others are compared with.
const TOKENS: u32 = 12;

/// An engine that is being asked.
pub(super) struct Asker<'a> {
    upstream: &'a Upstream,
    model: String,
    /// The endpoint that most questions go to.
    pub(super) endpoint: Endpoint,
    /// Its words, when it refused last.
    pub(super) refusal: String,
}

/// What an engine answered.
#[derive(Debug)]
pub(super) struct Answer {
    /// The first choice's text.
    pub(super) text: String,
    pub(super) raw: RawAnswer,
}

impl<'a> Asker<'a> {
    pub(super) fn new(upstream: &'a Upstream, model: &str) -> Self {
        Self {
            upstream,
            model: model.to_owned(),
            endpoint: Endpoint::Completions,
            refusal: String::new(),
        }
    }

    pub(super) fn upstream(&self) -> &Upstream {
        self.upstream
    }

    /// A body for an endpoint: greedy and short unless `more` says otherwise.
    pub(super) fn body(&self, endpoint: Endpoint, more: Value) -> Value {
        let mut body = json!({"model": self.model, "max_tokens": TOKENS, "temperature": 0, "stream": false});
        match endpoint {
            Endpoint::Chat => body["messages"] = json!([{"role": "user", "content": PROMPT}]),
            Endpoint::Completions => body["prompt"] = json!(PROMPT),
        }
        if let (Some(body), Value::Object(more)) = (body.as_object_mut(), more) {
            body.extend(more);
        }
        body
    }

    /// Asks; none where the engine refuses the question itself.
    pub(super) async fn ask(&mut self, more: Value) -> Result<Option<Answer>, UpstreamError> {
        self.ask_at(self.endpoint, more).await
    }

    pub(super) async fn ask_at(
        &mut self,
        endpoint: Endpoint,
        more: Value,
    ) -> Result<Option<Answer>, UpstreamError> {
        let body = self.body(endpoint, more);
        let wait = self.upstream.config().timeouts.probe;
        let answer = self.upstream.ask(endpoint.path(), &body, wait).await;
        match answer.and_then(RawAnswer::from_value) {
            Ok(raw) => {
                let first = raw.choices.as_ref().and_then(|choices| choices.first());
                let text = first.and_then(|choice| match endpoint {
                    Endpoint::Completions => choice.text.clone(),
                    Endpoint::Chat => choice.message.as_ref()?.content.clone(),
                });
                let text = text.unwrap_or_default();
                Ok(Some(Answer { text, raw }))
            }
            Err(error) => self.refused(error).map(|()| None),
        }
    }

    /// Whether an error is the answer no. llama-cpp-python answers 500 to what it does not take.
    pub(super) fn refused(&mut self, error: UpstreamError) -> Result<(), UpstreamError> {
        match &error {
            UpstreamError::Status {
                status: 401 | 403 | 429 | 502..=504,
                ..
            }
            | UpstreamError::Unreachable(_)
            | UpstreamError::Timeout(_)
            | UpstreamError::Down(_) => Err(error),
            _ => {
                self.refusal = error.to_string();
                Ok(())
            }
        }
    }

    /// Finds the endpoints, and gives the greedy text at the one that the other questions go to.
    pub(super) async fn begin(
        &mut self,
        capabilities: &mut Capabilities,
    ) -> Result<Option<String>, UpstreamError> {
        let fine = |answer: &Answer| {
            answer
                .raw
                .choices
                .as_ref()
                .is_some_and(|choices| !choices.is_empty())
        };
        let plain = self.ask_at(Endpoint::Completions, json!({})).await?.filter(fine);
        let chat = self.ask_at(Endpoint::Chat, json!({})).await?.filter(fine);
        capabilities.completions = plain.is_some();
        capabilities.chat = chat.is_some();
        if plain.is_none() {
            self.endpoint = Endpoint::Chat;
        }
        let counted = |answer: &Answer| answer.raw.usage.as_ref().and_then(crate::wire::usage).is_some();
        let given = [&plain, &chat];
        capabilities.usage = given.iter().all(|answer| answer.as_ref().is_none_or(counted));
        Ok(plain.or(chat).map(|answer| answer.text))
    }
}

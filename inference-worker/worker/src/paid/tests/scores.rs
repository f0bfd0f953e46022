//! What is told of the prompt where the output is paid for.

use super::*;

fn scored(more: &Value) -> Value {
    let mut body = body(3, false);
    let fields = json!({"echo": true, "logprobs": 1});
    for more in [&fields, more] {
        let more = more.as_object().unwrap().clone();
        body.as_object_mut().unwrap().extend(more);
    }
    body
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paid_output_may_bring_what_is_known_of_its_prompt_and_none_is_paid_for_a_prompt_alone() {
    let bench = bench(Duration::ZERO, 2).await;
    let response = bench.ask(Some(voucher(1, 500, 500)), &scored(&json!({}))).await;
    let signed: SignedReceipt = from_header(&response.headers()[RECEIPT_HEADER]).unwrap();
    let usage = &signed.receipt.usage;
    assert_eq!((usage.prompt, usage.completion), (4, 3));
    let (status, answer) = text(response).await;
    assert_eq!(status, 200, "{answer}");
    let answer: Value = serde_json::from_str(&answer).unwrap();
    let told = answer["choices"][0]["logprobs"]["token_logprobs"]
        .as_array()
        .unwrap()
        .clone();
    assert_eq!(told.len(), 7, "{answer}");
    assert!(told[0].is_null() && told[1..].iter().all(Value::is_number));
    // In a stream the prompt comes behind what says that a token was drawn, which is when it is paid for.
    let streamed = scored(&json!({"stream": true}));
    let (status, events) = text(bench.ask(Some(voucher(2, 500, 500)), &streamed).await).await;
    assert_eq!(status, 200, "{events}");
    let prompt = events.find("\"token_logprobs\":[null").unwrap();
    assert!(events.find("event: ").unwrap() < prompt, "{events}");
    let alone = scored(&json!({"max_tokens": 0}));
    let (status, answer) = text(bench.ask(Some(voucher(3, 500, 500)), &alone).await).await;
    let answer: Value = serde_json::from_str(&answer).unwrap();
    assert_eq!(
        (status, &answer["error"]["param"]),
        (400, &json!("max_tokens")),
        "{answer}"
    );
    // Nothing was promised for it: the voucher is good for another.
    let again = bench.ask(Some(voucher(3, 500, 500)), &scored(&json!({}))).await;
    assert_eq!(again.status(), StatusCode::OK);
}

//! Requests that fail on the way.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_fails_on_the_way_shows_a_receipt_of_what_was_done_with_its_error() {
    let bench = bench(Duration::from_millis(5), 2).await;
    let request = body(1_000, false);
    let late = async {
        while bench.under_way().1 == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
        // The voucher's time is over.
        bench.paid.follow.pretend(900, facts(), Some(warm_key()));
    };
    let asked = bench.ask(Some(voucher(1, 1_100, 1_100)), &request);
    let (response, ()) = tokio::join!(asked, late);
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    let signed: SignedReceipt = from_header(&response.headers()[RECEIPT_HEADER]).unwrap();
    assert!(is_signed(&signed));
    assert_eq!(signed.receipt.finish, FinishReason::Error);
    assert!(signed.receipt.capture > Amount(4), "{:?}", signed.receipt);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grammar_that_grows_too_complex_is_the_requests_fault_and_what_was_drawn_is_billed() {
    let bench = bench(Duration::ZERO, 2).await;
    for (nonce, stream) in [(1, false), (2, true)] {
        let mut asked = body(300, stream);
        asked["guided_regex"] = json!(GROWS);
        let response = bench.ask(Some(voucher(nonce, 1_000, 2_000)), &asked).await;
        let header: Option<SignedReceipt> = response.headers().get(RECEIPT_HEADER).and_then(from_header);
        let (status, answer) = text(response).await;
        let error = answer.lines().last().unwrap();
        let error = answer
            .lines()
            .rfind(|line| line.contains("\"error\""))
            .unwrap_or(error);
        let error: Value = serde_json::from_str(error.trim_start_matches("data: ")).unwrap();
        let error = &error["error"];
        assert_eq!(
            (&error["type"], &error["param"]),
            (&json!("invalid_request_error"), &json!("guided_regex")),
            "{answer}"
        );
        assert!(
            error["message"].as_str().unwrap().contains("too complex"),
            "{error}"
        );
        let signed = bench.receipt(nonce).await;
        assert!(is_signed(&signed));
        let receipt = &signed.receipt;
        assert_eq!(receipt.finish, FinishReason::Error);
        assert!(receipt.usage.completion > 8, "{}", receipt.usage.completion);
        assert_eq!(receipt.capture, Amount(4 + u128::from(receipt.usage.completion)));
        match stream {
            true => assert!(status == 200 && answer.contains("event: quern.receipt")),
            false => assert_eq!((status, header), (400, Some(signed))),
        }
    }
}

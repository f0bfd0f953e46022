//! A receipt against what the chain says, in the order in which things happened. Pure.

use quern_interface::settlement::{CommitteeMember, SessionInfo, SessionStatus};
use quern_protocol::Amount;

use super::{
    checks,
    document::Document,
    facts::Facts,
    report::{Report, Verdict},
};
use crate::{qrn::show, query::status};

/// Goes through a request's life.
pub(super) fn judge(chain_id: &str, document: &Document, facts: &Facts) -> Report {
    let mut report = Report {
        receipt: document.signed.receipt.digest(chain_id).to_string(),
        steps: Vec::new(),
    };
    let case = Case {
        chain_id,
        document,
        facts,
    };
    match &facts.session {
        Ok(session) => {
            case.session(session, &mut report);
            case.voucher(session, &mut report);
        }
        Err(log) => {
            let why = format!("session {}: {log}", document.signed.receipt.voucher.session);
            // a record that the chain removed in its time says nothing against the receipt
            let forgotten = log.contains("session_forgotten");
            let verdict = if forgotten { Verdict::Open } else { Verdict::Fails };
            report.add("session", None, verdict, why);
        }
    }
    case.receipt(&mut report);
    if let Ok(session) = &facts.session {
        case.price(session, &mut report);
        case.batch(session, &mut report);
        if let Some(member) = case.member(session) {
            case.claim(session, member, &mut report);
            case.conviction(session, member, &mut report);
            case.standing(session, &mut report);
        }
        case.outcome(session, &mut report);
    }
    report
}

struct Case<'a> {
    chain_id: &'a str,
    document: &'a Document,
    facts: &'a Facts,
}

impl Case<'_> {
    fn host(&self) -> &str {
        &self.document.signed.receipt.voucher.host
    }

    fn member<'s>(&self, session: &'s SessionInfo) -> Option<&'s CommitteeMember> {
        session.committee.iter().find(|m| m.host == self.host())
    }

    /// Height of the last call of this kind; of this host, if it names one.
    fn called(&self, action: &str) -> Option<u64> {
        let of_host = |host: &Option<String>| host.as_deref().is_none_or(|h| h == self.host());
        let calls = self
            .facts
            .calls
            .iter()
            .filter(|c| c.action == action && of_host(&c.host));
        calls.map(|c| c.height).max()
    }

    fn session(&self, s: &SessionInfo, report: &mut Report) {
        let opened = format!(
            "{} put {} into session {} for {}",
            s.payer,
            show(s.escrow),
            s.id,
            s.model
        );
        report.add("session", Some(s.opened_at), Verdict::Holds, opened);
        let check = match self.member(s) {
            Some(_) => Ok(()),
            None => Err(format!("{} is not in the session's committee", self.host())),
        };
        let limit = self.member(s).map_or(Amount::ZERO, |m| m.limit);
        let drawn = format!("{} hosts; this one's limit is {}", s.committee.len(), show(limit));
        report.check("committee", Some(s.drawn_at), check, drawn);
    }

    fn voucher(&self, s: &SessionInfo, report: &mut Report) {
        let receipt = &self.document.signed.receipt;
        let v = &receipt.voucher;
        let check =
            checks::voucher_signature(self.chain_id, receipt, &s.session_key).and_then(|()| {
                match (s.drawn_at..=s.closes_at).contains(&v.height) {
                    true => Ok(()),
                    false => Err(format!(
                        "height {} is outside the session's {}..={}",
                        v.height, s.drawn_at, s.closes_at
                    )),
                }
            });
        let holds = format!(
            "request {}, up to {}, host's cap {}; signed by the session's key",
            v.nonce,
            show(v.ceiling),
            show(v.cap)
        );
        report.check("voucher", Some(v.height), check, holds);
    }

    fn receipt(&self, report: &mut Report) {
        let signed = &self.document.signed;
        report.check(
            "receipt",
            None,
            checks::terms(&signed.receipt),
            tokens(self.document),
        );
        let step = "warm key";
        match (&self.facts.warm_key, &self.facts.host) {
            (Ok(then), host) => {
                // Any later key may sign, too.
                let now = host.as_ref().map_or(then.key, |h| h.warm_key.key);
                let check = checks::receipt_signature(self.chain_id, signed, &then.key)
                    .or_else(|e| checks::receipt_signature(self.chain_id, signed, &now).map_err(|_| e));
                let holds = format!("{} signed the receipt", self.host());
                report.check(step, Some(then.from), check, holds);
            }
            (Err(log), _) => report.add(step, None, Verdict::Fails, format!("{}: {log}", self.host())),
        }
    }

    fn price(&self, s: &SessionInfo, report: &mut Report) {
        let receipt = &self.document.signed.receipt;
        let check = match s.model_hash == receipt.model_hash {
            true => Ok(()),
            false => Err(format!(
                "the receipt is of model {}, the session of {}",
                receipt.model_hash, s.model_hash
            )),
        };
        report.check("model", None, check, format!("{} {}", s.model, s.model_hash));
        let height = Some(receipt.voucher.height);
        match &self.facts.price {
            Ok(price) => {
                let check = checks::price(receipt, *price, s.max_price, &s.coefficients);
                let holds = format!("{price} nqrn per token, capture {}", show(receipt.capture));
                report.check("price", height, check, holds);
            }
            Err(log) => report.add("price", height, Verdict::Open, log.clone()),
        }
    }

    fn batch(&self, s: &SessionInfo, report: &mut Report) {
        let step = "batch";
        let voucher = &self.document.signed.receipt.voucher;
        let last = voucher.height.saturating_add(s.lapse_blocks).min(s.commits_until);
        let (Some(committed), Some(batch)) = (&self.document.committed, &self.facts.batch) else {
            let detail = match last < self.facts.now {
                true => format!(
                    "no proof given; the receipt is payable only if it was committed by {last}: ask the host again"
                ),
                false => format!("not committed yet; the host has until {last}"),
            };
            return report.add(step, None, Verdict::Open, detail);
        };
        let batch = match batch {
            Ok(Some(batch)) => batch,
            Ok(None) => {
                let wrong = format!("the chain knows no batch {} of {}", committed.batch, self.host());
                return report.add(step, None, Verdict::Fails, wrong);
            }
            Err(log) => return report.add(step, None, Verdict::Open, log.clone()),
        };
        let check =
            checks::inclusion(self.chain_id, committed, batch).and_then(|()| match batch.height <= last {
                true => Ok(()),
                false => Err(format!(
                    "committed at {}, but it lapsed after {last}",
                    batch.height
                )),
            });
        let holds = format!("in batch {} under root {}", batch.sequence, batch.root.hash);
        report.check(step, Some(batch.height), check, holds);
    }

    fn claim(&self, s: &SessionInfo, member: &CommitteeMember, report: &mut Report) {
        let step = "claim";
        let Some(leaf) = self.document.committed.as_ref().map(|c| &c.leaf) else {
            let detail = format!("the host has claimed {} of the session", show(member.claimed));
            return report.add(step, self.called("settle"), Verdict::Open, detail);
        };
        if member.claimed >= leaf.cumulative {
            let detail = format!("{} claimed, this receipt in it", show(member.claimed));
            return report.add(step, self.called("settle"), Verdict::Holds, detail);
        }
        let ended = matches!(s.status, SessionStatus::Closed | SessionStatus::Void);
        let detail = match ended {
            true => format!(
                "the host claimed only {} of {}: what it left went back to the payer",
                show(member.claimed),
                show(leaf.cumulative)
            ),
            false => format!(
                "{} of {} claimed so far",
                show(member.claimed),
                show(leaf.cumulative)
            ),
        };
        report.add(step, self.called("settle"), Verdict::Open, detail);
    }

    fn conviction(&self, s: &SessionInfo, member: &CommitteeMember, report: &mut Report) {
        let Ok(host) = &self.facts.host else { return };
        let now = host.memberships.iter().find(|m| m.offer.model == s.model);
        if let Some(now) = now.filter(|now| now.generation > member.generation) {
            let times = now.generation.saturating_sub(member.generation);
            let detail = format!(
                "the host was convicted {times} times for {} since the draw: unsettled claims are void and the \
                 payer is refunded",
                s.model
            );
            report.add("conviction", self.called("prove_fault"), Verdict::Holds, detail);
        }
    }

    /// What judges hold back of the host's pay, over all of its sessions.
    fn standing(&self, s: &SessionInfo, report: &mut Report) {
        let Ok(standing) = &self.facts.standing else {
            return;
        };
        if matches!(s.status, SessionStatus::Closed | SessionStatus::Void) {
            return;
        }
        if standing.frozen {
            let detail = "evidence against the host is high: the session is paid only when that is over, or after \
                          another appeal";
            report.add("frozen", None, Verdict::Open, detail.to_owned());
        }
        if !standing.forfeit.is_zero() {
            let detail = format!(
                "{} of the host's next pay will be burned for payloads that it withheld",
                show(standing.forfeit)
            );
            report.add("forfeit", None, Verdict::Open, detail);
        }
    }

    fn outcome(&self, s: &SessionInfo, report: &mut Report) {
        let step = "outcome";
        let Some(o) = &s.outcome else {
            let detail = match s.status {
                SessionStatus::Pending | SessionStatus::Open => format!(
                    "the session is {} until {}, and may be paid from {}",
                    status(s.status),
                    s.closes_at,
                    s.payable_at
                ),
                other => format!(
                    "the session is {}, and may be paid from {}",
                    status(other),
                    s.payable_at
                ),
            };
            return report.add(step, None, Verdict::Open, detail);
        };
        let hosts = Amount::sum(o.paid.iter().map(|(_, paid)| *paid));
        let all = hosts.and_then(|hosts| Amount::sum([hosts, o.router_fee, o.burned, o.audits, o.refund]));
        let check = match all == Some(s.escrow) {
            true => Ok(()),
            false => Err(format!(
                "the parts do not add up to the escrow of {}",
                show(s.escrow)
            )),
        };
        let own = o
            .paid
            .iter()
            .find(|(host, _)| host == self.host())
            .map_or(Amount::ZERO, |(_, paid)| *paid);
        let holds = format!(
            "escrow {} = hosts {} (this one {}) + router {} + burned {} + audits {} + refund {}",
            show(s.escrow),
            show(hosts.unwrap_or(Amount::ZERO)),
            show(own),
            show(o.router_fee),
            show(o.burned),
            show(o.audits),
            show(o.refund)
        );
        report.check(step, self.called("close"), check, holds);
    }
}

/// What the host did, in words.
pub(super) fn tokens(document: &Document) -> String {
    let receipt = &document.signed.receipt;
    let usage = receipt.usage;
    format!(
        "{} prompt tokens ({} cached), {} generated, capture {}",
        usage.prompt,
        usage.cached,
        usage.completion,
        show(receipt.capture)
    )
}

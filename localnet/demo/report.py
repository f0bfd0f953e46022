"""What came of a run: a table for people, report.json for programs."""

from collections import Counter


def hosts(network, closed, findings, roles):
    """One record for each host."""
    slashes = network.pages("bonding", "slashes", "number", host=None)
    faults = network.pages("settlement", "faults", "number")
    found = []
    for number, worker in enumerate(network.net["workers"]):
        host = worker["host"]
        own = [f for f in findings if f["host"] == host]
        bond = network.smart("bonding", {"host_bond": {"host": host}})
        audit = network.smart("audits", {"host": {"host": host}})
        power = next((s["power"] for s in network.validators() if s["host"] == host), 0)
        paid = sum(int(amount) for s in closed for name, amount in s["outcome"]["paid"] if name == host)
        found.append({
            "host": network.moniker(host),
            "role": roles.get(number, "honest"),
            "address": host,
            "bond": int(bond["active"]),
            "funded_by_others": int(bond["active"]) - int(bond["operator"]),
            "receipts": len(own),
            "tokens": sum(f["tokens"] for f in own),
            "captured": sum(f["capture"] for f in own),
            "paid": paid,
            "audited": audit["audited"],
            "condemned": audit["condemned"],
            "audits_done": audit["reports"],
            "re_executed": dict(Counter(f["output"] for f in own)),
            "convicted": sum(1 for fault in faults if fault["host"] == host),
            "slashed": sum(int(s["slashed"]) for s in slashes if s["host"] == host),
            "power": power,
        })
    return found


def qrn(amount):
    return f"{amount / 10**9:,.6f}".rstrip("0").rstrip(".")


def table(records):
    """The hosts' table."""
    head = ["HOST", "ROLE", "BOND", "SERVED", "TOKENS", "CAPTURED", "PAID", "AUDITED", "CONDEMNED", "AUDITS DONE",
            "SLASHED", "POWER"]
    rows = [head] + [
        [
            r["host"], r["role"], qrn(r["bond"]), str(r["receipts"]), str(r["tokens"]), qrn(r["captured"]), qrn(r["paid"]),
            str(r["audited"]), str(r["condemned"]), str(r["audits_done"]), qrn(r["slashed"]), str(r["power"]),
        ]
        for r in records
    ]
    widths = [max(len(row[i]) for row in rows) for i in range(len(head))]
    lines = ["  ".join(c.ljust(w) if i < 2 else c.rjust(w) for i, (c, w) in enumerate(zip(row, widths))) for row in rows]
    return "\n".join(lines)

"""OpenRouter's model document for providers, version 2.4, as its guide describes it: each field, and no others."""

import re

# Whole documents, and what stands in them.
REQUIRED = {"schema_version", "id", "name", "input_modalities", "output_modalities"}
OPTIONAL = set(
    "hugging_face_id created quantization tokenizer description pricing capacity passthrough_parameters deprecation_date "
    "is_ready is_free discount_to_user openrouter datacenters deployment_region compliance".split()
)
QUANTIZATIONS = {*"int4 int8 fp4 mxfp4 nvfp4 fp6 fp8 mxfp8 fp16 bf16 fp32".split(), None}
# Limits of a modality that comes in.
LIMITS = {
    "text": {"max_context_length", "max_prompt_length"},
    "image": {"sources", "formats", "detail_levels", "references", "role", "max_content_size_bytes"},
    "video": {"sources", "formats", "max_duration_seconds", "max_content_size_bytes"},
    "audio": {"sources", "formats", "max_duration_seconds", "max_content_size_bytes"},
    "file": {"sources", "formats", "references", "max_content_size_bytes"},
}
OUTPUTS = set("text image video speech transcription embeddings rerank audio".split())
# By scope: what may be priced, and by which unit.
BASIS = {"token", "image", "megapixel", "second", "character"}
PRICED = {
    "input": ({"prompt", "cached_prompt", "cache_write"}, BASIS),
    "output": ({"completion", "internal_reasoning"}, BASIS | {"request"}),
    "root": ({"request", "web_search"}, {"request", "search"}),
}
# Fields of a descriptor beside its type and a default.
DESCRIPTORS = {
    "range": ({"min", "max"}, {"unit"}),
    "integer": ({"min", "max"}, {"unit"}),
    "boolean": (set(), set()),
    "enum": ({"values"}, set()),
    "array": (set(), {"items", "max_items"}),
    "object": (set(), {"properties"}),
    "unknown": (set(), set()),
}
COST = re.compile(r"\d+(\.\d+)?")
DATE = re.compile(r"\d{4}-\d\d-\d\d(T\d\d:00:00Z)?")


def of(value, kind):
    """Whether a value is of a type; True is no number here."""
    return isinstance(value, kind) and (kind is bool or not isinstance(value, bool))


def named(where, value, required, optional=frozenset()):
    """Fields that are missing or unknown."""
    if not of(value, dict):
        yield f"{where} is no object"
        return
    for name in required - set(value):
        yield f"{where} lacks {name}"
    for name in set(value) - required - optional:
        yield f"{where} has {name}"


def quantity(where, value):
    yield from named(where, value, {"value"}, {"unit"})
    if not of(value, dict):
        return
    if not (of(value.get("value"), int) and value["value"] > 0):
        yield f"{where}: {value}"
    if value.get("unit", "token") not in {"second", "pixel", "byte", "token", "character"}:
        yield f"{where}: {value}"


def descriptor(where, value):
    kind = value.get("type") if of(value, dict) else None
    if kind not in DESCRIPTORS:
        yield f"{where} is of no type: {value}"
        return
    required, optional = DESCRIPTORS[kind]
    yield from named(where, value, required | {"type"}, optional | {"default"})
    if kind in ("range", "integer"):
        number = int if kind == "integer" else (int, float)
        least, most = value.get("min"), value.get("max")
        if not (of(least, number) and of(most, number) and least < most):
            yield f"{where} has no bounds: {value}"
    if kind == "array" and "items" in value:
        yield from descriptor(f"{where}.items", value["items"])


def entries(where, listed, scope, priced):
    """Prices, or capacities."""
    kinds, units = PRICED[scope]
    seen = set()
    for entry in listed:
        if priced:
            yield from named(where, entry, {"type", "unit", "cost_usd"}, {"ttl_seconds", "implicit", "overrides", "utc_start", "utc_end"})
            good = of(entry.get("cost_usd"), str) and COST.fullmatch(entry["cost_usd"])
            identity = tuple(entry.get(name) for name in ("type", "ttl_seconds", "implicit", "utc_start", "utc_end"))
        else:
            yield from named(where, entry, {"type", "unit", "value"}, {"per"})
            good = of(entry.get("value"), int) and entry["value"] > 0
            good = good and (entry.get("type") == "concurrency") == ("per" not in entry)
            identity = tuple(entry.get(name) for name in ("type", "unit", "per"))
        allowed = kinds if priced or scope == "input" else kinds | {"concurrency"}
        if not good or entry.get("type") not in allowed or entry.get("unit") not in units or identity in seen:
            yield f"{where}: {entry}"
        seen.add(identity)


def billed(where, owner, scope):
    for name in ("pricing", "capacity"):
        if name in owner:
            yield from entries(f"{where}.{name}", owner[name], scope, name == "pricing")


def incoming(where, modality):
    yield from named(where, modality, {"type"}, {"supported_inputs", "pricing", "capacity", "passthrough_parameters"})
    limits = modality.get("supported_inputs", {})
    yield from named(f"{where}.supported_inputs", limits, set(), LIMITS.get(modality.get("type"), set()))
    for name, limit in limits.items():
        yield from (quantity if name.startswith("max_") else descriptor)(f"{where}.{name}", limit)
    yield from billed(where, modality, "input")


def outgoing(where, modality):
    optional = {"streaming", "max_length", "pricing", "capacity", "passthrough_parameters"}
    yield from named(where, modality, {"type", "supported_parameters"}, optional)
    kind = modality.get("type")
    if kind not in OUTPUTS or not of(modality.get("streaming", True), bool):
        yield f"{where}: {modality}"
    if kind in ("embeddings", "rerank") and "streaming" in modality or kind != "text" and "max_length" in modality:
        yield f"{where}: {modality}"
    if "max_length" in modality:
        yield from quantity(f"{where}.max_length", modality["max_length"])
    for name, described in modality.get("supported_parameters", {}).items():
        yield from descriptor(f"{where}.{name}", described)
    yield from billed(where, modality, "output")


def faults(document):
    """Everything in a model's document that is not as the guide says."""
    yield from named("document", document, REQUIRED, OPTIONAL)
    checks = {
        "schema_version": lambda value: value == "2.4",
        "id": lambda value: of(value, str) and value,
        "name": lambda value: of(value, str) and value,
        "created": lambda value: of(value, int),
        "quantization": lambda value: value in QUANTIZATIONS,
        "tokenizer": lambda value: of(value, str),
        "description": lambda value: of(value, str),
        "hugging_face_id": lambda value: of(value, str),
        "is_ready": lambda value: of(value, bool),
        "is_free": lambda value: of(value, bool),
        "discount_to_user": lambda value: of(value, (int, float)) and value < 1,
        "deprecation_date": lambda value: of(value, str) and DATE.fullmatch(value),
        "openrouter": lambda value: set(value) == {"slug"} and "/" in value["slug"],
        "compliance": lambda value: set(value) <= {"zdr", "hipaa"} and all(of(each, bool) for each in value.values()),
        "datacenters": lambda value: all(
            {"country_code"} <= set(each) <= {"country_code", "region"} and re.fullmatch("[A-Z]{2}", each["country_code"])
            for each in value
        ),
        "input_modalities": lambda value: value and {each["type"] for each in value} <= set(LIMITS),
        "output_modalities": lambda value: bool(value),
    }
    for name, is_good in checks.items():
        if name in document and not is_good(document[name]):
            yield f"{name}: {document[name]}"
    for index, modality in enumerate(document.get("input_modalities", [])):
        yield from incoming(f"input_modalities[{index}]", modality)
    for index, modality in enumerate(document.get("output_modalities", [])):
        yield from outgoing(f"output_modalities[{index}]", modality)
    yield from billed("document", document, "root")

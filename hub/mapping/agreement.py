"""Whether the parts of a mapping agree with each other, and its examples with the fields.

Each function yields what is wrong, with its place.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hub.mapping import certain
from hub.mapping.declaration import Part, Rule
from hub.mapping.faults import At, Flaw, Found, suggestion
from hub.mapping.inverse import written
from hub.mapping.language import Expression, Pipe, record_paths, walk
from hub.mapping.tables import as_json

Data = Mapping[str, Any]

OPTIONAL = ("version", "deleted", "stamp", "owner", "match", "when", "direction")
FORMS = ({"given", "want"}, {"given", "error"}, {"back", "want"}, {"back", "error"})
"""What an example has beside its name and `refs`."""


def disagreements(
    data: Data, accessors: Mapping[str, Expression], rules: Sequence[Rule], parts: Sequence[Part]
) -> Found:
    """What each part of a document is too sensible to say of itself."""
    for word in OPTIONAL:
        if word in data and data[word] is None:
            yield Flaw((word,), "is empty; give it a value or remove the line")
    yield from _constants(accessors, parts)
    yield from _children(data)
    yield from _stamped(data, rules)
    yield from _twins(data.get("maps"))
    yield from _examples(data, rules, parts)


def _constants(accessors: Mapping[str, Expression], parts: Sequence[Part]) -> Found:
    """What tells records apart must be read from them."""
    for word, tree in accessors.items():
        yield from certain.head(word, tree, (word,))
        if not record_paths(tree):
            yield Flaw((word,), "reads nothing of the record, so it is the same for all of them")
    for part in parts:
        for word, tree in (("each", part.each), ("key", part.key)):
            yield from certain.head(word, tree, ("children", part.name, word))
        if not record_paths(part.each):
            what = "reads nothing of the record, so it is the same for all of them"
            yield Flaw(("children", part.name, "each"), what)
        if not record_paths(part.key):
            what = "reads nothing of the item, so it is the same for all of them"
            yield Flaw(("children", part.name, "key"), what)


def _children(data: Data) -> Found:
    """What a child's field cannot say."""
    children = data.get("children")
    for child, entry in (children if isinstance(children, dict) else {}).items():
        for name, line in _lines(entry.get("fields") if isinstance(entry, dict) else None):
            for word in line.keys() & {"out", "owner"}:
                what = f"children are only read, and belong to their record; remove `{word}`"
                yield Flaw(("children", child, "fields", name, word), what)


def _lines(fields: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, line in (fields if isinstance(fields, dict) else {}).items():
        yield name, line if isinstance(line, dict) else {"in": line}


def _stamped(data: Data, rules: Sequence[Rule]) -> Found:
    """Where our sys_id goes, nothing else does."""
    stamp = data.get("stamp")
    for rule in rules:
        targets = [rule.inverse.target] if rule.inverse else [out.target for out in rule.outs]
        if stamp in [written(target) for target in targets]:
            what = f"writes to {stamp}, where the stamp stands; `out: {{}}` makes it inward only"
            yield Flaw(("fields", rule.field.name), what)


def _twins(maps: Any) -> Found:
    """`1` and `"1"` are one key to whoever writes JSON."""
    for name, entries in (maps if isinstance(maps, dict) else {}).items():
        seen: dict[Any, Any] = {}
        for key, value in (entries if isinstance(entries, dict) else {}).items():
            first = seen.setdefault(as_json(key), value)
            if first != value:
                place = key if isinstance(key, str | int) else str(key)
                what = f"{as_json(key)!r} stands here twice, for {first!r} as well"
                yield Flaw(("maps", name, place), what)


# -- examples


def _examples(data: Data, rules: Sequence[Rule], parts: Sequence[Part]) -> Found:
    listed = data.get("examples")
    names: set[Any] = set()
    for index, example in enumerate(listed if isinstance(listed, list) else ()):
        if not isinstance(example, dict) or not example:
            continue
        at: At = ("examples", index)
        if example.keys() - {"name", "refs"} not in FORMS:
            yield Flaw(at, "has given and want, given and error, back and want, or back and error")
        name = str(example.get("name"))
        if name in names:
            yield Flaw(at, f"there are two examples {name!r}; call this one something else")
        names.add(name)
        yield from _typed(example, at)
        yield from _known(example, at, data, rules)
        yield from _linked(example, at, rules, parts)


def _typed(example: Data, at: At) -> Found:
    for word in example.keys() & {"given", "back", "error", "want", "refs"}:
        value = example[word]
        if value is None and word == "want" and "given" in example:
            continue  # `when` leaves the record out
        if not isinstance(value, dict):
            yield Flaw((*at, word), "a mapping of names to values belongs here")
    refs = example.get("refs")
    for stream, links in (refs if isinstance(refs, dict) else {}).items():
        if not isinstance(links, dict):
            yield Flaw((*at, "refs", str(stream)), "a mapping of their ids to ours belongs here")


def _known(example: Data, at: At, data: Data, rules: Sequence[Rule]) -> Found:
    """An example speaks of fields that are there."""
    if not isinstance(data.get("fields"), dict):
        return
    reading = [name for name, line in _lines(data.get("fields")) if "in" in line]
    on_delete = data.get("on_delete")
    reading += list(on_delete) if isinstance(on_delete, dict) else []
    children = data.get("children")
    reading += list(children) if isinstance(children, dict) else []
    writing = {name for name, _ in _lines(data.get("fields"))}
    writing |= {
        str(path.steps[0])
        for rule in rules
        for out in rule.outs
        for path in record_paths(out.value)
    }
    said = (("want", reading, "reads"), ("back", sorted(writing), "writes"))
    for word, known, verb in said:
        given = example.get(word)
        if not isinstance(given, dict) or (word == "want" and "back" in example):
            continue
        for name in given:
            if name not in known:
                place = (*at, word, name if isinstance(name, str | int) else str(name))
                yield Flaw(place, f"this mapping {verb} no field {name!r}{suggestion(name, known)}")


def _linked(example: Data, at: At, rules: Sequence[Rule], parts: Sequence[Part]) -> Found:
    """Its links are to streams that some field refers to."""
    trees = [
        rule.read for rule in (*rules, *(r for part in parts for r in part.rules)) if rule.read
    ]
    trees += [out.value for rule in rules for out in rule.outs]
    known = {
        str(node.arguments[0])
        for tree in trees
        for node in walk(tree)
        if isinstance(node, Pipe) and node.name == "ref"
    }
    refs = example.get("refs")
    for stream in refs if isinstance(refs, dict) else ():
        if str(stream) not in known:
            what = f"no field refers to {str(stream)!r}{suggestion(stream, known)}"
            yield Flaw((*at, "refs", str(stream)), what)

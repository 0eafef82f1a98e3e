"""Reads OData's $metadata (CSDL XML, versions 2 to 4): whatever is an entity set is a collection."""

from __future__ import annotations

from dataclasses import dataclass, field
from xml.parsers import expat

from hub.kit.described import MOST_PROPERTIES, BadDescription, Collection, Described, Property, Type

_TYPES: dict[str, Type] = {
    "Edm.String": "text", "Edm.Guid": "text",
    "Edm.Boolean": "boolean",
    "Edm.Byte": "integer", "Edm.Int16": "integer", "Edm.Int32": "integer", "Edm.Int64": "integer",
    "Edm.Decimal": "number", "Edm.Double": "number", "Edm.Single": "number",
    "Edm.DateTime": "moment", "Edm.DateTimeOffset": "moment", "Edm.Date": "date",
}  # fmt: skip
DEPTH = 10
"""Base types that are followed."""


def read(data: bytes, shown: str) -> Described:
    """The collections of a $metadata document; raises `BadDescription`."""
    found = _Metadata()
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartDoctypeDeclHandler = _refuse
    parser.EntityDeclHandler = _refuse
    parser.StartElementHandler = found.start
    parser.EndElementHandler = found.end
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        raise BadDescription(f"{shown}: not XML: {error}") from None
    if not found.sets:
        raise BadDescription(f"{shown}: no EntitySet in it: is it a service's $metadata?")
    return found.described()


def _refuse(*_: object) -> None:
    raise BadDescription("an XML file with a document type or entities is not read")


@dataclass(slots=True)
class _Entity:
    name: str
    base: str = ""
    key: list[str] = field(default_factory=list[str])
    properties: list[Property] = field(default_factory=list[Property])


@dataclass(slots=True)
class _Metadata:
    """What has been read so far; names are without their namespace."""

    entities: dict[str, _Entity] = field(default_factory=dict[str, _Entity])
    enums: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    sets: dict[str, str] = field(default_factory=dict[str, str])
    unsure: list[str] = field(default_factory=list[str])
    _entity: _Entity | None = None
    _enum: str = ""

    def start(self, tag: str, said: dict[str, str]) -> None:
        name = said.get("Name", "")
        match tag.rpartition(" ")[2]:
            case "EntityType":
                self._entity = _Entity(name, _bare(said.get("BaseType", "")))
                self.entities[name] = self._entity
            case "PropertyRef" if self._entity:
                self._entity.key.append(name)
            case "Property" if self._entity:
                self._entity.properties.append(self._property(name, said))
            case "NavigationProperty" if self._entity and "Type" in said:
                many = said["Type"].startswith("Collection(")
                reference = Property(name, "reference", of=_bare(said["Type"]))
                self._entity.properties.append(
                    Property(name, "other", "list") if many else reference
                )
            case "EnumType":
                self._enum = name
                self.enums[name] = []
            case "Member" if self._enum:
                self.enums[self._enum].append(name)
            case "EntitySet":
                self.sets[name] = _bare(said.get("EntityType", ""))
            case _:
                return

    def end(self, tag: str) -> None:
        if tag.endswith(" EntityType"):
            self._entity = None
        elif tag.endswith(" EnumType"):
            self._enum = ""

    def described(self) -> Described:
        found = tuple(self._collection(name, of) for name, of in self.sets.items())
        return Described(found, tuple(self.unsure))

    def _property(self, name: str, said: dict[str, str]) -> Property:
        kind = said.get("Type", "")
        longest = said.get("MaxLength", "")
        if kind in _TYPES:
            form = "uuid" if kind == "Edm.Guid" else ""
            return Property(
                name, _TYPES[kind], form, longest=int(longest) if longest.isdigit() else None
            )
        return Property(name, "text" if "." in kind and "(" not in kind else "other", kind)

    def _collection(self, name: str, of: str) -> Collection:
        properties: list[Property] = []
        key: list[str] = []
        entity = self.entities.get(of)
        for _ in range(DEPTH):
            if entity is None:
                break
            properties = [*entity.properties, *properties]
            key = entity.key or key
            entity = self.entities.get(entity.base)
        if len(properties) > MOST_PROPERTIES:
            self.unsure.append(
                f"{name}: only the first {MOST_PROPERTIES} of {len(properties)} properties"
            )
        read = tuple(self._with_values(one) for one in properties[:MOST_PROPERTIES])
        return Collection(name, f"/{name}", of, read, key[0] if len(key) == 1 else "")

    def _with_values(self, one: Property) -> Property:
        """An enumeration may be declared after who uses it."""
        values = self.enums.get(_bare(one.format)) if one.type == "text" else None
        if values is not None:
            return Property(one.name, "text", values=tuple(values))
        known = one.type != "text" or one.format in {"", "uuid"}
        return one if known else Property(one.name, "other", one.format)


def _bare(name: str) -> str:
    """`Collection(My.Service.Order)` as `Order`."""
    return name.removeprefix("Collection(").removesuffix(")").rpartition(".")[2]

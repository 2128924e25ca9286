"""What an LLM-SQL program defines and sees: the typed interface and its vocabulary."""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files

from thekla.core.problem import Field, Function, Interface, Method, Parameter, RecordType, Vocabulary
from thekla.problems.modules import COMPUTING
from thekla.problems.vocabulary import expression, statement

__all__ = ["VOCABULARY", "interface"]

_TABLE = RecordType(
    name="Table",
    doc="Rows of fields, and the cache that the prompts made of them will meet.",
    fields=(
        Field(name="rows", type="count", doc="How many rows there are; they are numbered from 0."),
        Field(name="fields", type="list[Field]", doc="The columns, in the order in which prompts hold them at first."),
        Field(name="block", type="length", doc="Only whole multiples of this length are found in the cache."),
        Field(name="capacity", type="length | None", doc="What the cache holds; None for no limit."),
    ),
    methods=(
        Method(
            name="sorted_rows",
            parameters=(Parameter(name="fields", type="list[Field]"),),
            result="list[Row]",
            doc="All rows, sorted by the values of some fields, the first one first.",
        ),
        Method(
            name="combinations",
            parameters=(Parameter(name="fields", type="list[Field]"),),
            result="count",
            doc="How many distinct combinations of values some fields have.",
        ),
        Method(
            name="prefix_length",
            parameters=(Parameter(name="fields", type="list[Field]"), Parameter(name="field", type="Field")),
            result="length",
            doc="Length of a field over its distinct combinations with some others: what is read if it follows them.",
        ),
    ),
)

_FIELD = RecordType(
    name="Field",
    doc="A column. Lengths are characters in the published metric, else tokens with a separator.",
    fields=(
        Field(name="position", type="Position", doc="Its number; an answer names fields by it."),
        Field(name="name", type="str", doc="Its name; it stands in no prompt."),
        Field(name="values", type="list[str]", doc="Its distinct values, sorted."),
        Field(name="codes", type="list[Code]", doc="For each row the place of its value in `values`."),
        Field(name="lengths", type="list[length]", doc="For each value its length."),
        Field(name="counts", type="list[count]", doc="For each value the number of its rows."),
        Field(name="distinct", type="count", doc="How many distinct values there are."),
        Field(name="largest", type="count", doc="Rows of the most frequent value."),
        Field(name="mean_length", type="length", doc="Length in a row, on average."),
        Field(name="total_length", type="length", doc="Length of all rows together."),
        Field(name="distinct_length", type="length", doc="Length of all distinct values together."),
        Field(name="repeated_length", type="length", doc="The difference: what could be saved at most."),
    ),
)


@lru_cache(maxsize=1)
def interface() -> Interface:
    """The typed interface, with the source that makes a table in a guest."""
    return Interface(
        functions=(
            Function(
                name="reorder",
                parameters=(Parameter(name="table", type="Table"),),
                result="tuple[list[Row], list[Position]]",
                doc="The rows in the order of their prompts, and the order of the fields: one for all, or a list with "
                "one for each prompt.",
            ),
        ),
        types=(_TABLE, _FIELD),
        numbers=("int", "float", "count", "length", "number"),
        guest_source=files(__package__).joinpath("views.py").read_text(encoding="utf-8"),
        wheels=("numpy",),
        modules=(*COMPUTING, "numpy"),
    )


VOCABULARY = Vocabulary(
    blocks=(
        # What can be observed.
        expression("rows", "count", "{table: Table}.rows", "Rows of the table."),
        expression("distinct values", "count", "{field: Field}.distinct", "Distinct values of a field."),
        expression("most frequent", "count", "{field: Field}.largest", "Rows of a field's most frequent value."),
        expression("mean length", "length", "{field: Field}.mean_length", "Length of a field in a row."),
        expression("total length", "length", "{field: Field}.total_length", "Length of a field over all rows."),
        expression("distinct length", "length", "{field: Field}.distinct_length", "Length of a field's values."),
        expression("repeated length", "length", "{field: Field}.repeated_length", "Length that could be saved."),
        expression(
            "rows per value", "number", "{table: Table}.rows / {field: Field}.distinct", "How often a value repeats."
        ),
        expression(
            "combinations",
            "count",
            "{table: Table}.combinations({fields: list[Field]})",
            "Distinct combinations of some fields.",
        ),
        expression(
            "length behind others",
            "length",
            "{table: Table}.prefix_length({fields: list[Field]}, {field: Field})",
            "What is read of a field that follows some others.",
        ),
        # Orders.
        statement(
            "sort fields",
            "{fields: list[Field]}.sort(key=lambda item: {key: number})",
            "Put the fields in the order of a number.",
        ),
        statement(
            "sort fields by two keys",
            "{fields: list[Field]}.sort(key=lambda item: ({first: number}, {second: number}))",
            "Put the fields in the order of a number, equal ones of another.",
        ),
        statement("turn the fields round", "{fields: list[Field]}.reverse()", "Put the last field first."),
        expression(
            "sorted rows", "list[Row]", "{table: Table}.sorted_rows({fields: list[Field]})", "Rows sorted by fields."
        ),
        expression(
            "least field",
            "Field",
            "min({fields: list[Field]}, key=lambda each: {key: number})",
            "The field with least.",
        ),
    )
)
"""Building blocks for generators without a model: what can be observed of a table, and how to sort; no method."""

"""The whole OpenAPI contract, tried by schemathesis with all its checks against a real server that asks for keys."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.core.result import Ok
from schemathesis.schemas import BaseSchema

from tests.hostile.contract import served_contract, try_everything

EXAMPLES = 10


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[BaseSchema, dict[str, str]]]:
    """The contract as it is served, and a key for all of it."""
    with served_contract(tmp_path_factory.mktemp("contract")) as served:
        yield served


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["right", "wrong"])
def test_the_service_keeps_its_contract(api: tuple[BaseSchema, dict[str, str]], mode: GenerationMode) -> None:
    """No 5xx, no undocumented status, header or body; refuses what is wrong; asks for a key. On every operation."""
    broken: list[str] = []
    tried = 0
    schema, headers = api
    for found in schema.get_all_operations():
        assert isinstance(found, Ok), found
        operation = found.ok()
        tried += 1

        @settings(
            max_examples=EXAMPLES,
            database=None,
            # The same requests on every machine: a run that fails can be repeated.
            derandomize=True,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.generate],
        )
        @given(case=operation.as_strategy(generation_mode=mode))
        def keeps(case: schemathesis.Case[Any]) -> None:
            case.call_and_validate(headers=headers, timeout=60)

        try:
            keeps()
        except Unsatisfiable:
            pass  # nothing that this operation is sent can be wrong
        except BaseExceptionGroup as error:
            broken.append(f"{operation.label}: {'; '.join(map(str, error.exceptions))}")
    assert tried >= 23
    assert broken == [], "\n\n".join(broken)


def test_the_edges_of_the_contract_are_kept_too(tmp_path: Path) -> None:
    """What schemathesis makes of the schema without chance: every bound, wrong methods, missing parts, no key."""
    with served_contract(tmp_path, **{"max-examples": 1, "deterministic": True}) as (schema, _):
        schema.config.phases.update(phases=["examples", "coverage"])
        tried = try_everything(schema)
    assert list(tried.failures) == []
    assert tried.cases["coverage"] > 1_000
    assert len(tried.operations) >= 23

"""The launcher's decisions that need no process."""

import importlib
import json
import socket
import subprocess
import sys

import pytest

from local_stack.__main__ import parser
from local_stack.commands import wants_demo_model
from local_stack.demo_registry import DEMO_DIALECTS, demo_registry
from local_stack.environments import key_variables, variables
from local_stack.ports import LOOPBACK, free_port, is_free
from local_stack.services import SERVICES, bootstrap_environment, service_environment
from local_stack.supervisor import restart_delay
from shared.routing import Registry
from shared.settings import Fragment


def test_restarts_wait_twice_as_long_each_time_up_to_five_seconds() -> None:
    assert [restart_delay(failures) for failures in range(1, 8)] == [0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]
    assert restart_delay(100_000) == 5.0


def test_only_llm_runner_sees_provider_keys() -> None:
    environment = {"OPENAI_API_KEY": "canary", "AGENTWARS_LOG_LEVEL": "debug"}
    seeing = [s.name for s in SERVICES if "OPENAI_API_KEY" in service_environment(environment, s, 1)]
    assert seeing == ["llm-runner"]


def test_a_key_is_given_to_llm_runner_alone_whatever_its_variable_is_called() -> None:
    registry = json.dumps({"evil": {"baseUrl": "http://x", "keyVariable": "EVIL_TOKEN", "models": {}}, "odd": 7})
    environment = {"AGENTWARS_PROVIDERS": registry, "EVIL_TOKEN": "canary", "OTHER_SECRET": "canary", "PATH": "/bin"}
    given = {service.name: service_environment(environment, service, 1) for service in SERVICES}
    assert [name for name, told in given.items() if "EVIL_TOKEN" in told] == ["llm-runner"]
    assert not any("OTHER_SECRET" in told for told in given.values())
    assert all(told["PATH"] == "/bin" and told["AGENTWARS_PROVIDERS"] == registry for told in given.values())
    assert bootstrap_environment(environment) == {"AGENTWARS_PROVIDERS": registry, "PATH": "/bin"}


def test_a_setting_is_given_to_who_declares_it() -> None:
    environment = {"AGENTWARS_STREAM_TOKEN_SECRET": "canary", "agentwars_log_level": "DEBUG", "AGENTWARS_NOBODYS": "x"}
    given = {service.name: service_environment(environment, service, 1) for service in SERVICES}
    assert [name for name, told in given.items() if "AGENTWARS_STREAM_TOKEN_SECRET" in told] == ["gateway"]
    assert all("agentwars_log_level" in told and "AGENTWARS_NOBODYS" not in told for told in given.values())


def test_the_password_in_a_providers_address_is_given_to_llm_runner_alone() -> None:
    registry = json.dumps({"a": {"baseUrl": "http://me:hunter22@there:1/v1", "models": {}}})
    given = {s.name: service_environment({"AGENTWARS_PROVIDERS": registry}, s, 1) for s in SERVICES}
    assert [name for name, told in given.items() if "hunter22" in str(told)] == ["llm-runner"]
    assert json.loads(given["gateway"]["AGENTWARS_PROVIDERS"])["a"]["baseUrl"] == "http://there:1/v1"


@pytest.mark.parametrize("providers", ["{", "[]", "7", '{"a":{"keyVariable":7}}'])
def test_a_registry_that_is_none_names_no_key(providers: str) -> None:
    assert key_variables({"AGENTWARS_PROVIDERS": providers}) == frozenset()


def test_the_default_registrys_key_is_the_one_that_is_passed_on() -> None:
    assert key_variables({}) == {provider.key_variable for provider in Registry().providers.values()}


def _fragments(of: type[Fragment] = Fragment) -> set[type[Fragment]]:
    return {of}.union(*(_fragments(one) for one in of.__subclasses__()))


def test_every_settings_class_of_a_service_is_declared_for_it() -> None:
    packages = {"gateway": "gateway", "orchestrator": "orchestrator", "llm_runner": "llm-runner"}
    for package, service in (packages | {"summarizer": "summarizer"}).items():
        for module in (f"{package}.app", f"{package}.settings"):
            importlib.import_module(module)
        own = [one for one in _fragments() if one.__module__.partition(".")[0] == package]
        names = {f"AGENTWARS_{name.upper()}" for one in own for name in one.model_fields}
        assert own
        assert names <= variables(service)


def test_each_replica_is_told_its_port_in_the_variable_of_its_kind() -> None:
    ports = {service.name: service_environment({}, service, 7)[service.port_variable] for service in SERVICES}
    assert ports == {"gateway": "7", "orchestrator": "7", "llm-runner": "7", "summarizer": "7"}
    assert {service.port_variable for service in SERVICES if service.name != "gateway"} == {"AGENTWARS_HEALTH_PORT"}


def test_fault_models_are_registered_only_when_asked_for() -> None:
    plain = json.loads(demo_registry("http://127.0.0.1:1"))["demo"]
    assert plain["baseUrl"] == "http://127.0.0.1:1/v1"
    assert set(plain["models"]) == {"demo-fast", "demo-standard", "demo-premium", "demo-plain"}
    faulty = json.loads(demo_registry("http://127.0.0.1:1", ["demo-premium+500"]))["demo"]["models"]
    assert faulty["demo-premium+500"] == faulty["demo-premium"]


def test_each_dialect_of_the_demo_model_is_a_provider_of_its_own() -> None:
    providers = json.loads(demo_registry("http://127.0.0.1:1", dialects=DEMO_DIALECTS))
    assert {name: (one["dialect"], one["baseUrl"]) for name, one in providers.items()} == {
        "demo": ("openai", "http://127.0.0.1:1/v1"),
        "demo-anthropic": ("anthropic", "http://127.0.0.1:1/v1"),
        "demo-ollama": ("ollama", "http://127.0.0.1:1"),
        "demo-gemini": ("openai", "http://127.0.0.1:1/v1beta/openai"),
    }
    assert list(json.loads(demo_registry("http://127.0.0.1:1", dialects=["ollama"]))) == ["demo-ollama"]


def test_dialects_are_named_on_the_command_line() -> None:
    assert parser().parse_args(["demo"]).dialect is None
    assert parser().parse_args(["up", "--dialect", "ollama", "--dialect", "gemini"]).dialect == ["ollama", "gemini"]
    with pytest.raises(SystemExit):
        parser().parse_args(["demo", "--dialect", "latin"])


def test_a_fault_of_an_unknown_model_is_refused() -> None:
    with pytest.raises(ValueError, match="fault of no demo model"):
        demo_registry("http://127.0.0.1:1", ["demo-fest+500"])


def test_the_demo_model_gives_way_to_a_configured_provider() -> None:
    assert wants_demo_model({})
    assert not wants_demo_model({"OPENAI_API_KEY": "canary"})
    assert not wants_demo_model({"AGENTWARS_PROVIDERS": "{}"})


def test_free_ports_differ_and_a_listening_one_is_taken() -> None:
    assert len({free_port() for _ in range(50)}) == 50
    with socket.create_server((LOOPBACK, 0)) as server:
        assert not is_free(server.getsockname()[1])


TAKE = """
import random, sys
random.randrange = lambda *_: int(sys.argv[1])
from local_stack.ports import free_port
print(free_port())
"""


def test_port_of_a_stack_is_no_other_stacks_while_its_server_is_down() -> None:
    port = free_port()
    other = subprocess.run(
        [sys.executable, "-c", TAKE, str(port)], capture_output=True, text=True, timeout=30, check=True
    )
    assert int(other.stdout) != port

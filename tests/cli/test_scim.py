"""`hub scim`: a directory's tokens, made, shown and ended."""

from __future__ import annotations

from tests.cli.conftest import Run


def test_a_directory_gets_two_tokens_and_no_third(run: Run) -> None:
    made = [run("scim", "new", "okta") for _ in range(2)]
    assert all(one.out.startswith("hub_scim_") for one in made)
    assert "okta/2" in made[1].err
    third = run("scim", "new", "okta")
    assert (third.status, "revoke" in third.err) == (1, True)
    listed = [line.partition("\t")[0] for line in run("scim", "list").out.splitlines()]
    assert listed[-2:] == ["okta/1", "okta/2"]
    assert "okta" not in run("token", "list").out
    assert run("scim", "revoke", "okta/1").out == "okta/1: revoked\n"
    assert run("scim", "revoke", "okta/1").status == 1


def test_a_token_of_a_person_is_no_directorys(run: Run) -> None:
    run("token", "new", "bob")
    assert run("scim", "revoke", "bob").err.startswith("hub: no directory's token is called 'bob'")

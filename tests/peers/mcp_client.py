"""Lists the tools of an MCP endpoint, calls some, and prints all of it as JSON.

Usage: mcp_client.py URL TOKEN MODE [TOOL ARGUMENTS]…
MODE is `auto`, `legacy` or a protocol version; ARGUMENTS a JSON object.
"""

import asyncio
import json
import sys

import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client


async def main(url, token, mode, *calls):
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx2.AsyncClient(headers=headers, timeout=60) as http:
        transport = streamable_http_client(url, http_client=http)
        async with Client(transport, mode=mode) as client:
            tools, cursor = [], None
            while True:
                page = await client.list_tools(cursor=cursor)
                tools += [each.name for each in page.tools]
                cursor = page.next_cursor
                if cursor is None:
                    break
            results = []
            for tool, arguments in zip(calls[::2], calls[1::2]):
                result = await client.call_tool(tool, json.loads(arguments))
                shown = result.model_dump(by_alias=True, exclude_none=True, mode="json")
                results.append(shown)
            print(json.dumps({"tools": tools, "results": results}))


asyncio.run(main(*sys.argv[1:]))

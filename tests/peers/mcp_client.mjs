// Lists the tools of an MCP endpoint, calls some, and prints all of it as JSON.
//
// Usage: mcp_client.mjs URL TOKEN [TOOL ARGUMENTS]…, started in the folder that holds
// `node_modules`; ARGUMENTS is a JSON object.

import { createRequire } from 'node:module';

const require = createRequire(`${process.cwd()}/`);
const { Client, StreamableHTTPClientTransport } = require('@modelcontextprotocol/client');

const [url, token, ...calls] = process.argv.slice(2);
const headers = { Authorization: `Bearer ${token}` };
const transport = new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers } });
const client = new Client({ name: 'gestalt-tests', version: '1.0.0' });
await client.connect(transport);
const tools = [];
let cursor;
do {
  const page = await client.listTools({ cursor });
  tools.push(...page.tools.map(({ name }) => name));
  cursor = page.nextCursor;
} while (cursor !== undefined);
const results = [];
for (let at = 0; at < calls.length; at += 2) {
  results.push(await client.callTool({ name: calls[at], arguments: JSON.parse(calls[at + 1]) }));
}
console.log(JSON.stringify({ tools, results }));
await client.close();

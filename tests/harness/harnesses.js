// All in which the harnesses differ for these tests. None of it is callsheet's: it is what a user of
// theirs has in the environment or at home to reach a model of their own.
import { it } from 'node:test';

const claude = {
  id: 'claude',
  // How the system prompt reaches the model.
  role: 'system',
  model: 'claude-sonnet-4-5',
  // How it starts the tools of the agent: with long arguments of its own making.
  own: /SNAPSHOT_FILE=|shell-snapshots/,
  // Dollars for a million tokens, by Anthropic's list.
  price: { in: 3, out: 15, cached: 0.3 },
  env: (url) => ({ ANTHROPIC_BASE_URL: url, ANTHROPIC_API_KEY: 'key-5f0c1e7a9d2b' }),
};

const codex = {
  id: 'codex',
  role: 'developer',
  model: 'gpt-5.5',
  // What it passes on of a server's answer, where that is less than the answer.
  says: { 429: 'last status: 429', 500: 'high demand' },
  // Of what it does not say the status.
  silent: [500],
  own: /--codex-run-as-process-setup|__CODEX_SNAPSHOT_OVERRIDE/,
  home: (url) => ({
    '.codex/config.toml': `model_provider = "scripted"
[model_providers.scripted]
name = "Scripted"
base_url = "${url}/v1"
wire_api = "responses"
env_key = "MODEL_KEY"
request_max_retries = 1
stream_max_retries = 1
`,
  }),
};

const opencode = {
  id: 'opencode',
  // After what it asks again for ever; it does not say the status then.
  endless: [429, 500, 'cut'],
  silent: [429, 500],
  role: 'system',
  model: 'scripted/one',
  price: { in: 2, out: 8, cached: 0.5 },
  home: (url) => ({
    // Its background installation of a package; npm's own setting, since agents use npm too.
    '.npmrc': 'offline=true\n',
    '.config/opencode/opencode.json': JSON.stringify({
      provider: {
        scripted: {
          npm: '@ai-sdk/openai-compatible',
          name: 'Scripted',
          options: { baseURL: `${url}/v1`, apiKey: '{env:MODEL_KEY}' },
          models: {
            one: {
              name: 'One', tool_call: true, limit: { context: 400000, output: 8000 },
              cost: { input: 2, output: 8, cache_read: 0.5 },
            },
          },
        },
      },
    }),
  }),
};

const HARNESSES = [claude, codex, opencode];

/** A case for every harness, or for those that are named. */
export function test(title, body, names = HARNESSES.map(({ id }) => id)) {
  for (const harness of HARNESSES.filter(({ id }) => names.includes(id))) {
    it(`${title}: ${harness.id}`, { timeout: 170_000 }, () => body(harness));
  }
}

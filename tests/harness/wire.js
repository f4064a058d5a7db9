// What the three protocols look like on the wire. Scripts speak of what is to be done (`write`,
// `shell`, `mcp`); each is turned into a call of a tool that the client itself declared, so a
// script survives when a client renames its tools.

let calls = 0;
const next = (prefix) => `${prefix}_${(calls += 1)}`;

const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

/** A server's name as it stands in the names of its tools. */
const plain = (server) => server.replace(/[^A-Za-z0-9_-]/g, '_');

/** The call of a step: name and input, by what the client declared. */
function call(step, tools, nameOf) {
  const has = (name) => tools.includes(name);
  const { write, shell, mcp } = step;
  if (mcp) return { ...nameOf(plain(mcp.server), mcp.tool), input: mcp.input ?? {} };
  if (write) {
    const { path, content } = write;
    if (has('apply_patch')) {
      const lines = content.replace(/\n$/, '').split('\n').map((line) => `+${line}\n`);
      return { name: 'apply_patch', custom: `*** Begin Patch\n*** Add File: ${path}\n${lines.join('')}*** End Patch\n` };
    }
    if (has('Write')) return { name: 'Write', input: { file_path: path, content } };
    if (has('write')) return { name: 'write', input: { filePath: path, content } };
  }
  const command = shell ?? (write && `printf %s ${quoted(write.content)} > ${quoted(write.path)}`);
  if (!command) return undefined;
  if (has('exec_command')) return { name: 'exec_command', input: { cmd: command } };
  if (has('shell_command')) return { name: 'shell_command', input: { command } };
  if (has('shell')) return { name: 'shell', input: { command: ['bash', '-c', command] } };
  const name = has('Bash') ? 'Bash' : 'bash';
  // What is not declared is called all the same: a model may.
  if (write && !has(name)) return { name: 'write', input: { filePath: write.path, content: write.content } };
  return { name, input: { command, description: 'As the script says' } };
}

const data = (value) => `data: ${JSON.stringify(value)}\n\n`;
const event = (value) => `event: ${value.type}\n${data(value)}`;

const messages = {
  tools: (body) => (body.tools ?? []).map(({ name }) => name),
  results: (body) => body.messages.flatMap(({ content }) =>
    (Array.isArray(content) ? content.filter(({ type }) => type === 'tool_result') : [])),
  system: (body) => [body.system ?? []].flat().map((part) => ({ role: 'system', text: part.text ?? part })),
  stream(body, step, tools) {
    const { usage } = step;
    const called = call(step, tools, (server, tool) => ({ name: `mcp__${server}__${tool}` }));
    const message = {
      id: next('msg'), type: 'message', role: 'assistant', model: body.model, content: [],
      stop_reason: null, stop_sequence: null,
      usage: { input_tokens: usage.in, cache_creation_input_tokens: 0, cache_read_input_tokens: usage.cached, output_tokens: 1 },
    };
    const lines = [{ type: 'message_start', message }];
    let index = 0;
    const block = (start, delta) => {
      lines.push({ type: 'content_block_start', index, content_block: start });
      lines.push({ type: 'content_block_delta', index, delta });
      lines.push({ type: 'content_block_stop', index });
      index += 1;
    };
    if (step.text) block({ type: 'text', text: '' }, { type: 'text_delta', text: step.text });
    if (called) {
      block({ type: 'tool_use', id: next('toolu'), name: called.name, input: {} },
        { type: 'input_json_delta', partial_json: JSON.stringify(called.input) });
    }
    const stop_reason = called ? 'tool_use' : 'end_turn';
    lines.push({ type: 'message_delta', delta: { stop_reason, stop_sequence: null }, usage: { output_tokens: usage.out } });
    lines.push({ type: 'message_stop' });
    return lines.map(event);
  },
};

const responses = {
  tools: (body) => (body.tools ?? []).map(({ name, type }) => name ?? type),
  results: (body) => body.input.filter(({ type }) => /^(function|custom_tool)_call_output$/.test(type)),
  system: (body) => [{ role: 'instructions', text: body.instructions ?? '' }, ...body.input
    .filter(({ role }) => role === 'developer' || role === 'system')
    .map(({ role, content }) => ({ role, text: content.map(({ text }) => text).join('\n') }))],
  stream(body, step, tools) {
    const { usage } = step;
    const called = call(step, tools, (server, name) => ({ namespace: `mcp__${server}`, name }));
    const id = next('resp');
    const lines = [];
    const say = (type, more) => lines.push({ type, sequence_number: lines.length, ...more });
    const response = { id, object: 'response', model: body.model, status: 'in_progress', output: [] };
    say('response.created', { response });
    say('response.in_progress', { response });
    const output = [];
    const item = (start, done, middle) => {
      const output_index = output.length;
      say('response.output_item.added', { output_index, item: start });
      middle({ output_index, item_id: start.id });
      say('response.output_item.done', { output_index, item: done });
      output.push(done);
    };
    if (step.text) {
      const part = { type: 'output_text', text: step.text, annotations: [] };
      const start = { id: next('msg'), type: 'message', role: 'assistant', status: 'in_progress', content: [] };
      item(start, { ...start, status: 'completed', content: [part] }, (at) => {
        say('response.content_part.added', { ...at, content_index: 0, part: { ...part, text: '' } });
        say('response.output_text.delta', { ...at, content_index: 0, delta: step.text });
        say('response.output_text.done', { ...at, content_index: 0, text: step.text });
        say('response.content_part.done', { ...at, content_index: 0, part });
      });
    }
    if (called?.custom) {
      const start = { id: next('ctc'), type: 'custom_tool_call', status: 'in_progress', call_id: next('call'), name: called.name, input: '' };
      item(start, { ...start, status: 'completed', input: called.custom }, (at) => {
        say('response.custom_tool_call_input.delta', { ...at, delta: called.custom });
        say('response.custom_tool_call_input.done', { ...at, input: called.custom });
      });
    } else if (called) {
      const { name, namespace, input } = called;
      const start = { id: next('fc'), type: 'function_call', status: 'in_progress', call_id: next('call'), name, namespace, arguments: '' };
      const text = JSON.stringify(input);
      item(start, { ...start, status: 'completed', arguments: text }, (at) => {
        say('response.function_call_arguments.delta', { ...at, delta: text });
        say('response.function_call_arguments.done', { ...at, arguments: text });
      });
    }
    const spent = {
      input_tokens: usage.in, input_tokens_details: { cached_tokens: usage.cached },
      output_tokens: usage.out, output_tokens_details: { reasoning_tokens: 0 }, total_tokens: usage.in + usage.out,
    };
    say('response.completed', { response: { ...response, status: 'completed', output, usage: spent } });
    return lines.map(event);
  },
};

const chat = {
  tools: (body) => (body.tools ?? []).map((tool) => tool.function.name),
  results: (body) => body.messages.filter(({ role }) => role === 'tool'),
  system: (body) => body.messages.filter(({ role }) => role === 'system' || role === 'developer')
    .map(({ role, content }) => ({ role, text: typeof content === 'string' ? content : content.map(({ text }) => text).join('\n') })),
  stream(body, step, tools) {
    const { usage } = step;
    const called = call(step, tools, (server, tool) => ({ name: `${server}_${tool}` }));
    const chunk = (more) => ({ id: 'chatcmpl-1', object: 'chat.completion.chunk', created: 1, model: body.model, ...more });
    const delta = (value, finish_reason = null) => chunk({ choices: [{ index: 0, delta: value, finish_reason }] });
    const lines = [delta({ role: 'assistant', content: step.text ?? '' })];
    if (called) {
      const { name, input } = called;
      const made = { index: 0, id: next('call'), type: 'function', function: { name, arguments: JSON.stringify(input) } };
      lines.push(delta({ tool_calls: [made] }));
    }
    lines.push(delta({}, called ? 'tool_calls' : 'stop'));
    const spent = {
      prompt_tokens: usage.in, completion_tokens: usage.out, total_tokens: usage.in + usage.out,
      prompt_tokens_details: { cached_tokens: usage.cached },
    };
    lines.push(chunk({ choices: [], usage: spent }));
    return [...lines.map(data), 'data: [DONE]\n\n'];
  },
};

/** The protocols by name: tools declared, tool results so far, system texts with their roles, answers. */
export const wire = { messages, responses, chat };

// Runs in every host: what the planner answers there, as plain data. It imports nothing.
export function proof(callsheet, cases) {
  const { buildPersonaSpawnPlan, compilePersona, planBytes, planEffects, planText, resolvePersona } = callsheet;
  const encoder = new TextEncoder();
  const decoder = new TextDecoder();
  const answers = cases.map(({ name, text }) => {
    const file = { path: `/personas/${name}.json`, text };
    const existing = ['/skills/small-steps.md', '/skills/changelog-voice', '/skills/changelog-voice/SKILL.md',
      '/personas/sidecars/field-notes.md', '/personas/sidecars/house-rules.md'];
    const facts = { layers: [{ source: 'test', files: [file] }], existing };
    const { selection } = resolvePersona(name, facts);
    const options = { inputValues: { SINCE: 'v1', COMPONENT: 'größer "🎬"' }, task: 'Süße Träume' };
    const plan = buildPersonaSpawnPlan(selection, options);
    const persona = JSON.stringify(selection);
    const printed = JSON.stringify(options);
    return {
      name,
      digest: plan.digest,
      object: JSON.stringify(plan),
      text: planText(persona, printed),
      bytes: decoder.decode(planBytes(encoder.encode(persona), encoder.encode(printed))),
      compiled: compilePersona(selection).planText(options),
      old: planText(persona, printed, 'persona-kit-4'),
      effects: planEffects(plan).map(({ line }) => line),
    };
  });
  const broken = cases[0].text.replace('"codex"', '"codeks"');
  let error;
  try {
    callsheet.parsePersonaFile(broken);
  } catch (thrown) {
    const { code, diagnostics } = thrown;
    const places = diagnostics.map(({ pointer }) => callsheet.locate(broken, pointer));
    error = { code, diagnostics, places, right: thrown instanceof callsheet.CallsheetError };
  }
  return { answers, error };
}

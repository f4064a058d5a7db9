/**
 * The records that cross between the planner and its callers. Made from the Rust types by
 * `npm run types`; changes belong there.
 */

/**
 * A card, as the A2A protocol wants it.
 */
export interface AgentCard {
  /**
   * The agent's name.
   */
  name: string;
  /**
   * What it does.
   */
  description: string;
  /**
   * Where it answers.
   */
  url: string;
  /**
   * Its version.
   */
  version: string;
  /**
   * What it can do; never empty.
   */
  skills: CardSkill[];
  /**
   * Who runs it.
   */
  provider: CardProvider;
  /**
   * The optional parts of the protocol that it speaks.
   */
  capabilities: CardCapabilities;
  /**
   * The media types that it takes.
   */
  default_input_modes: string[];
  /**
   * The media types that it gives.
   */
  default_output_modes: string[];
  /**
   * Where it is documented.
   */
  documentation_url?: string;
}

/**
 * What the history server is told.
 */
export interface AiHist {
  /**
   * Where trajectories are.
   */
  trajectoryRoot?: string;
  /**
   * The database to read.
   */
  dbPath?: string;
}

/**
 * Whether the agent gets the history server.
 */
export interface AiMemory {
  /**
   * Whether it does.
   */
  enabled: boolean;
  /**
   * The database to read.
   */
  dbPath?: string;
}

/**
 * A skill of a cache entry.
 */
export interface CachedSkill {
  /**
   * The skill's id in the persona.
   */
  id: string;
  /**
   * The source as the persona gives it.
   */
  source: string;
  /**
   * What kind of source it is.
   */
  sourceKind?: string;
  /**
   * What was installed.
   */
  upstream?: { kind: 'prpm'; packageRef: string; version: string } | { kind: 'github-blob'; blobUrl: string; sha: string };
}

/**
 * The optional parts of the protocol that an agent speaks.
 */
export interface CardCapabilities {
  /**
   * Whether it streams its answers.
   */
  streaming: boolean;
  /**
   * Whether it notifies without being asked.
   */
  pushNotifications: boolean;
}

/**
 * Who runs an agent.
 */
export interface CardProvider {
  /**
   * Always `AgentWorkforce`.
   */
  organization: string;
  /**
   * The persona's id.
   */
  persona_id: string;
  /**
   * The persona's intent.
   */
  intent: string;
  /**
   * The persona's tags.
   */
  tags: unknown;
}

/**
 * Something that an agent can do.
 */
export interface CardSkill {
  /**
   * Its id.
   */
  id: string;
  /**
   * Its name for people.
   */
  name: string;
  /**
   * What it does.
   */
  description: string;
  /**
   * Words to find it by.
   */
  tags: string[];
}

/**
 * The command that removes what a plan's skills left behind.
 */
export interface CleanupArtifacts {
  /**
   * The command.
   */
  cleanupCommand: string[];
  /**
   * Its script.
   */
  cleanupCommandString: string;
}

/**
 * A file that the harness reads from its working directory.
 */
export interface ConfigFile {
  /**
   * The path below the working directory.
   */
  path: string;
  /**
   * The whole text.
   */
  contents: string;
}

/**
 * One problem: what, how bad, where in the input, and what to do about it.
 */
export interface Diagnostic {
  /**
   * The stable name of the kind of problem.
   */
  code: string;
  /**
   * How bad it is.
   */
  severity: 'error' | 'warning';
  /**
   * What is wrong, in one line.
   */
  message: string;
  /**
   * What to do next.
   */
  help?: string;
  /**
   * The value it is about, as a JSON pointer into the input.
   */
  pointer?: string;
  /**
   * Where in the text of a file it stands.
   */
  place?: Place;
}

/**
 * A field that was left out because a variable that it refers to is not set.
 */
export interface DroppedField {
  /**
   * The field of the persona.
   */
  field: string;
  /**
   * The variable.
   */
  ref: string;
}

/**
 * A server that was left out whole: what it cannot start without is not known.
 */
export interface DroppedServer {
  /**
   * The server.
   */
  name: string;
  /**
   * The variables that are not set.
   */
  refs: string[];
}

/**
 * A dialect of the plan.
 */
export type Edition = "persona-kit-4" | "2026";

/**
 * A variable whose value holds references.
 */
export interface EnvDocument {
  /**
   * The variable.
   */
  name: string;
  /**
   * Its value.
   */
  document: unknown;
}

/**
 * Everything that a resolution depends on, as a host without a file system gives it.
 */
export interface FactsDocument {
  /**
   * The working directory, absolute; `/` by default.
   */
  cwd?: string;
  /**
   * The layers, the strongest first.
   */
  layers: LayerDocument[];
  /**
   * The paths that exist besides the files: sidecars, local skills.
   */
  existing?: string[];
}

/**
 * One persona file, as a host without a file system gives it.
 */
export interface FileDocument {
  /**
   * The absolute path, with `/` between segments.
   */
  path: string;
  /**
   * The text.
   */
  text: string;
}

/**
 * One thing to do.
 */
export interface FleetAction {
  /**
   * What.
   */
  kind: FleetActionKind;
  /**
   * The seat.
   */
  seat?: string;
  /**
   * The file, below `fleet/`.
   */
  path?: string;
  /**
   * Why.
   */
  reason: string;
  /**
   * What changes, field by field.
   */
  changes: FleetChanged[];
  /**
   * The step that it belongs to: all actions of one may happen at once.
   */
  wave: number;
}

/**
 * What an action does.
 */
export type FleetActionKind = "roster.write" | "lock.write" | "env.write" | "seat.start" | "seat.restart" | "seat.stop" | "seat.adopt";

/**
 * What a command aims at.
 */
export interface FleetAim {
  /**
   * Where to.
   */
  goal: FleetGoal;
  /**
   * The seats that it is about; all if none is named.
   */
  seats: string[];
  /**
   * Whether seats are started again that are as they should be.
   */
  again: boolean;
  /**
   * Sessions of others that become the seats of their names.
   */
  adopt: string[];
}

/**
 * What a seat's heartbeat says of its agent.
 */
export type FleetBeat = "starting" | "running" | "waiting" | "stopping";

/**
 * A field that an action changes.
 */
export interface FleetChanged {
  /**
   * The field.
   */
  field: string;
  /**
   * What it was.
   */
  before?: string;
  /**
   * What it becomes.
   */
  after?: string;
}

/**
 * A field that both sides changed.
 */
export interface FleetConflict {
  /**
   * The seat, or the section of the roster.
   */
  unit: string;
  /**
   * The field; `*` when one side took the whole seat away.
   */
  field: string;
  /**
   * What was generated last.
   */
  base?: string;
  /**
   * What the operator made of it.
   */
  mine?: string;
  /**
   * What is generated now.
   */
  theirs?: string;
}

/**
 * A change that the operator makes by a command instead of an editor.
 */
export interface FleetEdit {
  /**
   * What kind of change.
   */
  kind: FleetEditKind;
  /**
   * The seat; the class when scaling.
   */
  name: string;
  /**
   * The class of a new seat.
   */
  class?: string;
  /**
   * The harness.
   */
  runtime?: string;
  /**
   * The model.
   */
  model?: string;
  /**
   * Where the seat works.
   */
  working_directory?: string;
  /**
   * The seat that a new one reports to.
   */
  reports_to?: string;
  /**
   * How many seats.
   */
  count?: number;
}

/**
 * What is changed in the roster by a command.
 */
export type FleetEditKind = "add" | "remove" | "set" | "scale";

/**
 * An environment file to write. Its other lines are the operator's and may be secrets:
 * they are put together with these only where the file is.
 */
export interface FleetEnvWrite {
  /**
   * Its place, below `fleet/`.
   */
  path: string;
  /**
   * The digest of what it must still hold; nothing for a file that must not be there.
   */
  before?: string;
  /**
   * Our variables, in order.
   */
  variables: FleetVariable[];
}

/**
 * How a process ended: one of the two is there.
 */
export interface FleetExit {
  /**
   * Its exit status.
   */
  status?: number;
  /**
   * The number of the signal that ended it.
   */
  signal?: number;
}

/**
 * A file to write.
 */
export interface FleetFileWrite {
  /**
   * Its place, below `fleet/`.
   */
  path: string;
  /**
   * The digest of what it must still hold; nothing for a file that must not be there.
   */
  before?: string;
  /**
   * What it gets.
   */
  content: string;
}

/**
 * Where a command wants the fleet to be.
 */
export type FleetGoal = "up" | "down" | "files";

/**
 * The last heartbeat of a seat.
 */
export interface FleetHeartbeat {
  /**
   * Seconds since it was written.
   */
  age: number;
  /**
   * The process of its agent, or of the seat while there is none.
   */
  pid: number;
  /**
   * What it says.
   */
  status: FleetBeat;
  /**
   * How often the agent was started again.
   */
  restarts: number;
}

/**
 * Everything that a plan follows from.
 */
export interface FleetInput {
  /**
   * The fleet, as its sessions are tagged.
   */
  fleet: string;
  /**
   * The profile's file; a fleet that is staffed by hand has none.
   */
  profile?: FleetRoleFile;
  /**
   * Whether all seats of the profile are staffed; as before by default.
   */
  full?: boolean;
  /**
   * The personas that come with the product.
   */
  roles: FleetRoleFile[];
  /**
   * The operator's.
   */
  roles_local: FleetRoleFile[];
  /**
   * Persona files by class, such as `code.json`.
   */
  personas: FleetRoleFile[];
  /**
   * The policy.
   */
  policy?: string;
  /**
   * The roster as it stands.
   */
  roster?: string;
  /**
   * What was applied last.
   */
  lock?: string;
  /**
   * The environment files of seats, such as `code0.env`.
   */
  env: FleetRoleFile[];
  /**
   * What runs; a plan without it is about files alone.
   */
  observed?: FleetObserved;
  /**
   * What the operator changes by the command.
   */
  edits: FleetEdit[];
  /**
   * How to merge.
   */
  terms: FleetTerms;
  /**
   * What the command aims at.
   */
  aim: FleetAim;
}

/**
 * Everything that was seen in one look.
 */
export interface FleetObserved {
  /**
   * Whether the operator paused the fleet.
   */
  paused: boolean;
  /**
   * The sessions of the fleet's server, foreign ones too.
   */
  sessions: FleetSession[];
}

/**
 * A plan.
 */
export interface FleetPlan {
  /**
   * The form of this document.
   */
  schema: string;
  /**
   * The fleet.
   */
  fleet: string;
  /**
   * What it aims at.
   */
  aim: FleetAim;
  /**
   * The profile that the fleet is staffed from.
   */
  profile?: string;
  /**
   * The digest of each input; a plan is stale once one of them is another.
   */
  inputs: Record<string, string>;
  /**
   * Where its sessions live.
   */
  tmux: FleetTmux;
  /**
   * What to do, in order.
   */
  actions: FleetAction[];
  /**
   * The files to write, with their content.
   */
  files: FleetFileWrite[];
  /**
   * The environment files to write.
   */
  env: FleetEnvWrite[];
  /**
   * The seats as they should be, in the order of the roster.
   */
  seats: FleetPlannedSeat[];
  /**
   * When agents are started again.
   */
  restart: FleetRestart;
  /**
   * How seats are judged.
   */
  heartbeat: FleetPulse;
  /**
   * When seats are ready, by harness.
   */
  ready: Record<string, FleetReady>;
  /**
   * The command that clears a context, by harness.
   */
  resets: Record<string, string>;
  /**
   * What the operator must decide first.
   */
  conflicts: FleetConflict[];
  /**
   * What else there is to know; an error stops a seat, not the fleet.
   */
  diagnostics: Diagnostic[];
  /**
   * How much it is.
   */
  summary: FleetSummary;
}

/**
 * A seat as it should be.
 */
export interface FleetPlannedSeat {
  /**
   * Its name.
   */
  name: string;
  /**
   * The class of its persona.
   */
  class: string;
  /**
   * Its harness.
   */
  runtime: string;
  /**
   * Its model.
   */
  model?: string;
  /**
   * Where it works, as the roster says it.
   */
  working_directory: string;
  /**
   * What its persona is about.
   */
  domain: string;
  /**
   * Whether its agent stays between tasks.
   */
  persistent: boolean;
  /**
   * The seat that it reports to.
   */
  reports_to?: string;
  /**
   * The step of starting that it belongs to.
   */
  wave: number;
  /**
   * The digest of everything that it is started with.
   */
  hash: string;
  /**
   * Whether it can be started; the diagnostics say why not.
   */
  startable: boolean;
  /**
   * Why it runs what it runs.
   */
  why: FleetWhy[];
}

/**
 * Whose value counts where both changed it.
 */
export type FleetPrefer = "mine" | "theirs";

/**
 * A new roster.
 */
export interface FleetProvision {
  /**
   * Its text, byte for byte as Mosaic writes it.
   */
  roster: string;
  /**
   * Its seats for people, a line each.
   */
  summary: string;
  /**
   * What looks like a mistake in the profile.
   */
  diagnostics: Diagnostic[];
}

/**
 * What a new roster is made of.
 */
export interface FleetProvisionInput {
  /**
   * The profile's file.
   */
  profile: FleetRoleFile;
  /**
   * Whether all seats are staffed, not just those of the floor.
   */
  full?: boolean;
  /**
   * The personas that come with the product.
   */
  roles: FleetRoleFile[];
  /**
   * The operator's.
   */
  roles_local?: FleetRoleFile[];
}

/**
 * When a quiet seat is called idle or stuck, and how often it must give a sign.
 */
export interface FleetPulse {
  /**
   * Seconds between two heartbeats; after three without one it is stale.
   */
  interval: number;
  /**
   * Seconds without output until a seat is idle.
   */
  idle: number;
  /**
   * Seconds without output until it is stuck.
   */
  stuck: number;
}

/**
 * What the agent of a seat is doing.
 */
export type FleetReadiness = "working" | "idle" | "stuck" | "stale" | "dead" | "unknown";

/**
 * When a seat of a harness is ready: its heartbeat says that its agent runs, and all
 * that is named here holds.
 */
export interface FleetReady {
  /**
   * Its screen shows this text.
   */
  text?: string;
  /**
   * Its screen fits this regular expression; `^` and `$` stand for ends of lines.
   */
  pattern?: string;
  /**
   * This command of the shell, run in the seat's directory with its identity, ends
   * with 0.
   */
  command?: string;
  /**
   * Seconds until waiting for it is given up.
   */
  timeout: number;
}

/**
 * When an agent that ended is started again.
 */
export interface FleetRestart {
  /**
   * How often in a row; a run longer than `settled` starts counting anew.
   */
  limit: number;
  /**
   * Milliseconds before the first start; doubled each time.
   */
  delay: number;
  /**
   * The longest wait, in milliseconds.
   */
  longest: number;
  /**
   * Milliseconds after which an agent counts as settled.
   */
  settled: number;
}

/**
 * A file of the fleet's home by its name alone, such as `code.md`.
 */
export interface FleetRoleFile {
  /**
   * Its name.
   */
  name: string;
  /**
   * Its text.
   */
  text: string;
}

/**
 * A seat or a session.
 */
export interface FleetRow {
  /**
   * Its name.
   */
  name: string;
  /**
   * The class of its persona.
   */
  class?: string;
  /**
   * Its harness.
   */
  runtime?: string;
  /**
   * Its model.
   */
  model?: string;
  /**
   * How it stands.
   */
  state: FleetState;
  /**
   * What its agent is doing.
   */
  readiness: FleetReadiness;
  /**
   * More about it.
   */
  detail?: string;
  /**
   * The seat that it reports to.
   */
  reports_to?: string;
  /**
   * What the transport calls its session.
   */
  session?: string;
  /**
   * Its process.
   */
  pid?: number;
  /**
   * How often its agent was started again.
   */
  restarts?: number;
  /**
   * Seconds since it printed something.
   */
  quiet?: number;
  /**
   * How it ended.
   */
  exit?: FleetExit;
  /**
   * The configuration that it should have.
   */
  desired?: string;
  /**
   * The one that it was started with.
   */
  observed?: string;
}

/**
 * A session that exists: a tmux session, or a process with a terminal of its own.
 */
export interface FleetSession {
  /**
   * Its name.
   */
  name: string;
  /**
   * What the transport calls it; never two sessions at once.
   */
  id: string;
  /**
   * The fleet whose tag it carries; foreign sessions have none.
   */
  fleet?: string;
  /**
   * The seat that it was started for.
   */
  seat?: string;
  /**
   * The digest of the configuration that it was started with.
   */
  hash?: string;
  /**
   * The program in it.
   */
  command: string;
  /**
   * Its process.
   */
  pid: number;
  /**
   * Seconds since it last printed something.
   */
  quiet: number;
  /**
   * How it ended; none while it runs.
   */
  dead?: FleetExit;
  /**
   * Its last heartbeat, if it ever wrote one.
   */
  heartbeat?: FleetHeartbeat;
}

/**
 * Who decided a value, the strongest first.
 */
export type FleetSource = "command line" | "roster" | "profile" | "policy" | "persona" | "default";

/**
 * How a seat stands.
 */
export type FleetState = "in_sync" | "missing" | "dead" | "stale_heartbeat" | "idle" | "stuck" | "config_drift" | "runtime_drift" | "orphan" | "foreign" | "paused";

/**
 * The state of a fleet.
 */
export interface FleetStatus {
  /**
   * The fleet.
   */
  fleet: string;
  /**
   * Whether it is paused.
   */
  paused: boolean;
  /**
   * Whether every seat is as it should be and nothing of ours is left over.
   */
  in_sync: boolean;
  /**
   * The seats in the order of the roster, then orphans, then sessions of others.
   */
  rows: FleetRow[];
}

/**
 * How much a plan does.
 */
export interface FleetSummary {
  /**
   * Seats that should run.
   */
  seats: number;
  /**
   * Files that are written.
   */
  write: number;
  /**
   * Seats that are started.
   */
  start: number;
  /**
   * Seats that are started again.
   */
  restart: number;
  /**
   * Seats that are stopped.
   */
  stop: number;
  /**
   * Sessions that are adopted.
   */
  adopt: number;
}

/**
 * How to merge.
 */
export interface FleetTerms {
  /**
   * Whose value counts in every conflict.
   */
  prefer?: FleetPrefer;
  /**
   * Whether seats that the operator removed come back.
   */
  restore: boolean;
  /**
   * Fields whose generated value counts, such as `code0.model_hint`.
   */
  force: string[];
}

/**
 * Where the sessions of a fleet live.
 */
export interface FleetTmux {
  /**
   * The name of the server's socket; empty for the user's own server.
   */
  socket_name: string;
  /**
   * The session that keeps the server alive.
   */
  holder_session: string;
}

/**
 * A variable of an environment file that is ours to say.
 */
export interface FleetVariable {
  /**
   * Its name.
   */
  name: string;
  /**
   * Its value.
   */
  value: string;
}

/**
 * One link of the chain that decided a field of a seat.
 */
export interface FleetWhy {
  /**
   * The field.
   */
  field: string;
  /**
   * The value; none where it was taken away.
   */
  value?: string;
  /**
   * Who wanted it.
   */
  source: FleetSource;
  /**
   * Where that stands.
   */
  at?: string;
  /**
   * Whether it is what the seat has.
   */
  used: boolean;
}

/**
 * Whether a harness can be started on this host.
 */
export interface HarnessRecord {
  /**
   * The harness.
   */
  harness: string;
  /**
   * Whether it answered.
   */
  available: boolean;
  /**
   * Where its program is.
   */
  path?: string;
  /**
   * What it says its version is.
   */
  version?: string;
  /**
   * Why it is not available.
   */
  error?: string;
}

/**
 * Members of a file of the user's, such as model providers, that a private file takes
 * over when it is written. A missing file, and members that are there already, change
 * nothing.
 */
export interface Inheritance {
  /**
   * The variable that names the directory of the file.
   */
  homeEnv: string;
  /**
   * The directory below the home directory when the variable is not set.
   */
  homeDefault: string;
  /**
   * The file below that directory.
   */
  target: string;
  /**
   * The names of the members.
   */
  members: string[];
}

/**
 * The value of one input.
 */
export interface InputBinding {
  /**
   * The input.
   */
  name: string;
  /**
   * The variable that carries it.
   */
  envName: string;
  /**
   * Its value.
   */
  value: string;
}

/**
 * The command that installs a plan's skills.
 */
export interface InstallArtifacts {
  /**
   * The command.
   */
  installCommand: string[];
  /**
   * Its script.
   */
  installCommandString: string;
}

/**
 * One place that persona files come from, as a host without a file system gives it.
 */
export interface LayerDocument {
  /**
   * The name in messages.
   */
  source: string;
  /**
   * The files, in the order in which the first of equal ids wins.
   */
  files: FileDocument[];
}

/**
 * A map of texts without the entries whose variables are not set.
 */
export interface LenientMap {
  /**
   * The entries that are left; nothing when there is none.
   */
  value?: Record<string, unknown>;
  /**
   * The entries that were left out.
   */
  dropped: DroppedField[];
}

/**
 * One persona of a listing.
 */
export interface Listed {
  /**
   * The id; for a file without one, the file's name.
   */
  id: string;
  /**
   * The intent, inherited or its own.
   */
  intent?: string;
  /**
   * The harness.
   */
  harness?: string;
  /**
   * The model.
   */
  model?: string;
  /**
   * The layer that has the persona.
   */
  source: string;
  /**
   * The file; built-ins have none.
   */
  path?: string;
  /**
   * What the persona is for.
   */
  description?: string;
  /**
   * What is wrong with it.
   */
  problems: Problem[];
}

/**
 * How the harness is used.
 */
export type Mode = "interactive" | "one-shot";

/**
 * What a mirrored project leaves out and protects, in gitignore syntax.
 */
export interface MountPolicy {
  /**
   * The files that are left out.
   */
  ignoredPatterns: string[];
  /**
   * The files that cannot be changed.
   */
  readonlyPatterns: string[];
}

/**
 * How to start one agent. The members up to `mount` are those of persona-kit 4;
 * the others are there from edition 2026 on.
 */
export interface PersonaSpawnPlan {
  /**
   * The version of this form.
   */
  version?: number;
  /**
   * The edition that the plan was built in.
   */
  edition?: Edition;
  /**
   * SHA-256 of the plan's compact JSON without this member.
   */
  digest?: string;
  /**
   * The selection that was planned.
   */
  persona: Record<string, unknown>;
  /**
   * The program to start.
   */
  cli: string;
  /**
   * Its arguments.
   */
  args: string[];
  /**
   * Files to write below the working directory.
   */
  configFiles: ConfigFile[];
  /**
   * Skills to install.
   */
  skills: SkillMaterializationPlan;
  /**
   * Markdown files to write into the working directory.
   */
  sidecars: SidecarWrite[];
  /**
   * The inputs and their values.
   */
  inputs: InputBinding[];
  /**
   * Variables to set.
   */
  env: Record<string, string>;
  /**
   * Text to pass as the last positional argument when not empty.
   */
  initialPrompt?: string;
  /**
   * What of the project the agent sees.
   */
  mount?: MountPolicy;
  /**
   * How the harness is used.
   */
  mode?: Mode;
  /**
   * What the program reads from standard input.
   */
  stdin?: string;
  /**
   * Variables whose references are resolved at spawn.
   */
  envDocuments?: EnvDocument[];
  /**
   * Files to write below the run's private directory.
   */
  privateFiles?: PrivateFile[];
  /**
   * Links to make below the run's private directory.
   */
  privateLinks?: PrivateLink[];
  /**
   * Seconds after which a one-shot run is ended.
   */
  timeoutSeconds?: number;
  /**
   * What the author or the user should know; never an error.
   */
  warnings?: Diagnostic[];
}

/**
 * A phase: actions run phase by phase and are undone in reverse.
 */
export type Phase = "mount" | "stage" | "skills" | "sidecars" | "config-files" | "results";

/**
 * Where in a text a problem stands, as people count.
 */
export interface Place {
  /**
   * The file.
   */
  file?: string;
  /**
   * The line, from 1.
   */
  line: number;
  /**
   * The column in characters, from 1.
   */
  column: number;
  /**
   * The length of what it is about in bytes.
   */
  length: number;
}

/**
 * Where a plan would be carried out, as far as a host without a file system can say.
 */
export interface PlacesDocument {
  /**
   * The project, absolute; `{{project}}` by default.
   */
  cwd?: string;
  /**
   * How the run sees the project; by default a copy if the plan hides or protects
   * paths, else the project itself.
   */
  view?: View;
}

/**
 * A file below the run's private directory; only its owner may read it.
 */
export interface PrivateFile {
  /**
   * The path below the private directory.
   */
  path: string;
  /**
   * What it holds.
   */
  document: unknown;
  /**
   * What it takes over from a file that the user has.
   */
  inherits?: Inheritance;
}

/**
 * A symbolic link below the run's private directory, such as to credentials
 * that the user has already. It is left out when its target does not exist.
 */
export interface PrivateLink {
  /**
   * The path below the private directory.
   */
  path: string;
  /**
   * The variable that names the directory of the target.
   */
  homeEnv: string;
  /**
   * The directory below the home directory when the variable is not set.
   */
  homeDefault: string;
  /**
   * The target below that directory.
   */
  target: string;
}

/**
 * A problem of one persona file.
 */
export interface Problem {
  /**
   * The layer of the file.
   */
  source: string;
  /**
   * The file.
   */
  path: string;
  /**
   * What is wrong, and where in the file.
   */
  diagnostic: Diagnostic;
}

/**
 * What the relay server is told.
 */
export interface RelayMcp {
  /**
   * The key of the workspace.
   */
  apiKey: string;
  /**
   * The name that the agent has on the relay.
   */
  agentName: string;
  /**
   * Another address than the public one.
   */
  baseUrl?: string;
  /**
   * The workspace to use when none is named.
   */
  defaultWorkspace?: string;
}

/**
 * The kind of a failed resolution, as persona-registry names it.
 */
export type ResolutionErrorCode = "invalid_reference" | "unknown_persona" | "not_interactive";

/**
 * A persona's servers as far as they could be resolved.
 */
export interface ResolvedServers {
  /**
   * The servers that are left; nothing when there is none.
   */
  servers?: Record<string, unknown>;
  /**
   * The headers and variables that were left out.
   */
  dropped: DroppedField[];
  /**
   * The servers that were left out.
   */
  droppedServers: DroppedServer[];
}

/**
 * A source that was understood.
 */
export interface ResolvedSource {
  /**
   * What kind of source it is.
   */
  kind: SourceKind;
  /**
   * The source as the installer wants it.
   */
  packageRef: string;
  /**
   * The name of the directory that the skill gets.
   */
  installedName: string;
}

/**
 * A scope that looks like a mistake.
 */
export interface ScopeIssue {
  /**
   * How bad it is.
   */
  level: 'error' | 'warning';
  /**
   * The stable name of the kind of issue.
   */
  code: string;
  /**
   * The integration.
   */
  provider: string;
  /**
   * The key of the scope.
   */
  resource: string;
  /**
   * Where it is in the persona.
   */
  path: string;
  /**
   * What is wrong, in one line.
   */
  message: string;
}

/**
 * The sidecar fields of a persona with their modes filled in.
 */
export interface Sidecar {
  /**
   * The file that becomes `CLAUDE.md`.
   */
  claudeMd?: string;
  /**
   * The text that becomes `CLAUDE.md`.
   */
  claudeMdContent?: string;
  /**
   * What writing does to an existing `CLAUDE.md`.
   */
  claudeMdMode?: string;
  /**
   * The file that becomes `AGENTS.md`.
   */
  agentsMd?: string;
  /**
   * The text that becomes `AGENTS.md`.
   */
  agentsMdContent?: string;
  /**
   * What writing does to an existing `AGENTS.md`.
   */
  agentsMdMode?: string;
}

/**
 * What a sidecar does to a file that exists.
 */
export type SidecarMode = "overwrite" | "extend";

/**
 * A Markdown file that the harness reads from its working directory.
 */
export interface SidecarWrite {
  /**
   * The bare file name.
   */
  filename: string;
  /**
   * The text, unless it is in a file.
   */
  contents?: string;
  /**
   * The file that holds the text.
   */
  sourcePath?: string;
  /**
   * What happens to an existing file.
   */
  mode: SidecarMode;
}

/**
 * What a cache entry says about itself.
 */
export interface SkillCacheMarker {
  /**
   * The version of this record, 2.
   */
  schemaVersion: number;
  /**
   * The name of the entry.
   */
  fingerprint: string;
  /**
   * The harness that the skills are for.
   */
  harness: string;
  /**
   * When they were installed, as an ISO timestamp.
   */
  installedAt: string;
  /**
   * When their sources were last looked at, as an ISO timestamp.
   */
  lastUpstreamCheckAt?: string;
  /**
   * The skills.
   */
  skills: CachedSkill[];
}

/**
 * How one skill is installed and what that leaves behind.
 */
export interface SkillInstall {
  /**
   * The skill's id in the persona.
   */
  skillId: string;
  /**
   * The source as the persona gives it.
   */
  source: string;
  /**
   * What kind of source it is.
   */
  sourceKind: SourceKind;
  /**
   * The source as the installer wants it.
   */
  packageRef: string;
  /**
   * The harness that it is installed for.
   */
  harness: string;
  /**
   * The command that installs it.
   */
  installCommand: string[];
  /**
   * The directory that it lands in.
   */
  installedDir: string;
  /**
   * Its manifest in that directory.
   */
  installedManifest: string;
  /**
   * What is to be removed after the run.
   */
  cleanupPaths: string[];
}

/**
 * How a persona's skills are installed.
 */
export interface SkillMaterializationPlan {
  /**
   * The harness that they are installed for.
   */
  harness: string;
  /**
   * The installs, in the persona's order.
   */
  installs: SkillInstall[];
  /**
   * The directory that they are staged in, outside the project.
   */
  sessionInstallRoot?: string;
  /**
   * The directory that relative sources start from.
   */
  repoRoot?: string;
}

/**
 * A kind of place that skills come from.
 */
export type SourceKind = "prpm" | "skill.sh" | "local";

/**
 * Whether the agent's trajectory is recorded.
 */
export interface TrajectoryRecording {
  /**
   * Whether it is.
   */
  enabled: boolean;
  /**
   * Whether it is compacted when the run ends.
   */
  autoCompact?: unknown;
}

/**
 * A trigger or watch rule that looks like a mistake.
 */
export interface TriggerIssue {
  /**
   * How bad it is.
   */
  level: 'error' | 'warning';
  /**
   * The stable name of the kind of issue.
   */
  code: string;
  /**
   * The provider that it is about.
   */
  provider: string;
  /**
   * The event that it is about, or `*`.
   */
  trigger: string;
  /**
   * Where it is in the agent.
   */
  path: string;
  /**
   * What is wrong, in one line.
   */
  message: string;
}

/**
 * How a run sees the project that it is about.
 */
export type View = "overlay" | "copy" | "inplace";

/**
 * Everything that can change what an agent answers. Labels, phases, time limits and
 * retries are not among it, nor is the script's text.
 */
export interface WorkflowAgentContent {
  /**
   * The task.
   */
  prompt: string;
  /**
   * The digest of the plan of its persona: instructions, tools, permissions, servers.
   */
  plan?: string;
  /**
   * The model that was chosen for it.
   */
  model?: string;
  /**
   * How hard it thinks.
   */
  thinking?: string;
  /**
   * The schema of its answer.
   */
  schema?: unknown;
  /**
   * How it is kept apart.
   */
  isolation?: string;
  /**
   * The tree that an isolated call begins with.
   */
  base?: string;
  /**
   * Its directory, below the workspace.
   */
  cwd?: string;
  /**
   * The conversation that it goes on with, and the call before it there.
   */
  thread?: string;
  /**
   * What the script tells calls apart by that are the same otherwise.
   */
  key?: string;
}

/**
 * What a call asks for.
 */
export type WorkflowCallKind = "agent" | "checkpoint" | "sleep" | "now" | "random" | "uuid" | "env" | "workflow" | "merge" | "task" | "flow";

/**
 * How far a call is.
 */
export type WorkflowCallStatus = "waiting" | "working" | "asking" | "settled" | "failed";

/**
 * What a call may change.
 */
export type WorkflowEffect = "pure" | "isolated" | "workspace" | "external";

/**
 * What a run may take.
 */
export interface WorkflowLimits {
  /**
   * How many calls are worked on at the same time.
   */
  concurrency: number;
  /**
   * How many agents it may call, over all executions.
   */
  maxAgents: number;
  /**
   * How many tokens it may take, over all executions.
   */
  budget?: number;
  /**
   * How long a call may take, in milliseconds.
   */
  timeout?: number;
  /**
   * How often a call is tried again that failed in a way that may pass.
   */
  retries: number;
}

/**
 * What a call ended with.
 */
export interface WorkflowOutcome {
  /**
   * How.
   */
  kind: WorkflowOutcomeKind;
  /**
   * The result, when it is short.
   */
  value?: unknown;
  /**
   * The digest of the result's text, which is in a file of that name.
   */
  blob?: string;
  /**
   * The code of an error.
   */
  code?: string;
  /**
   * What went wrong.
   */
  message?: string;
  /**
   * Whether the script may go on without the result.
   */
  recoverable?: boolean;
}

/**
 * How a call ended.
 */
export type WorkflowOutcomeKind = "value" | "error";

/**
 * A phase that a script announces.
 */
export interface WorkflowPhase {
  /**
   * Its title.
   */
  title: string;
  /**
   * What happens in it.
   */
  detail?: string;
  /**
   * The model of its calls.
   */
  model?: string;
}

/**
 * What a journal tells.
 */
export interface WorkflowReplay {
  /**
   * The run's id.
   */
  run?: string;
  /**
   * The script's name.
   */
  name?: string;
  /**
   * How the run stands.
   */
  state: WorkflowRunState;
  /**
   * Why it stands so.
   */
  reason?: string;
  /**
   * What the script returned or failed with.
   */
  outcome?: WorkflowOutcome;
  /**
   * The number of the latest execution; 0 before the first.
   */
  epoch: number;
  /**
   * How many records there are.
   */
  records: number;
  /**
   * How many of them are of a kind that a later version made.
   */
  unknown: number;
  /**
   * The bytes that a crash left behind the last record.
   */
  tornBytes: number;
  /**
   * What the run may take.
   */
  limits: WorkflowLimits;
  /**
   * What it has taken, over all executions.
   */
  usage: WorkflowUsage;
  /**
   * The calls of the latest execution.
   */
  calls: WorkflowReplayedCall[];
  /**
   * How many results there are, of all executions.
   */
  results: number;
  /**
   * Those of them that the latest execution has not used, or made.
   */
  unclaimed: number;
  /**
   * What is wrong with the journal.
   */
  problems: WorkflowReplayProblem[];
}

/**
 * A record that cannot be where it is.
 */
export interface WorkflowReplayProblem {
  /**
   * Its line, from 1.
   */
  line: number;
  /**
   * Why not.
   */
  message: string;
}

/**
 * A call of the latest execution.
 */
export interface WorkflowReplayedCall {
  /**
   * Its number.
   */
  call: number;
  /**
   * Where it stands in the script's structure.
   */
  path: string;
  /**
   * What it is.
   */
  kind: WorkflowCallKind;
  /**
   * How far it is.
   */
  status: WorkflowCallStatus;
  /**
   * What people call it.
   */
  label?: string;
  /**
   * The phase that it belongs to.
   */
  phase?: string;
  /**
   * The key of its content.
   */
  content: string;
  /**
   * The digest of what had happened before.
   */
  causal: string;
  /**
   * What it may change.
   */
  effect: WorkflowEffect;
  /**
   * The number of its latest attempt; 0 before the first.
   */
  attempt: number;
  /**
   * The record of an earlier result that stands for it.
   */
  from?: number;
  /**
   * Why that stands for it.
   */
  rule?: WorkflowRule;
  /**
   * What it ended with.
   */
  outcome?: WorkflowOutcome;
  /**
   * What it took.
   */
  usage?: WorkflowUsage;
}

/**
 * Why an earlier result stands for a call.
 */
export type WorkflowRule = "exact" | "moved" | "content";

/**
 * How a run stands.
 */
export type WorkflowRunState = "missing" | "opened" | "open" | "paused" | "stopped" | "failed" | "completed" | "abandoned";

/**
 * What an attempt took.
 */
export interface WorkflowUsage {
  /**
   * Tokens that were read.
   */
  input: number;
  /**
   * Tokens that were written.
   */
  output: number;
  /**
   * Tokens read from the provider's cache.
   */
  cacheRead: number;
  /**
   * Tokens written to the provider's cache.
   */
  cacheWrite: number;
  /**
   * What it cost, in the provider's money.
   */
  cost?: number;
  /**
   * Whether tokens were not reported and are a guess by the length of the texts.
   */
  estimated?: boolean;
}

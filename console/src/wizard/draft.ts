// What is entered in the wizard, before it is a task.
import type { Instance, Schemas } from '../api/client';
import { type Choice, fromObjects, NOTHING, toObjects } from './choice';

export type Engine = 'mysql' | 'mariadb' | 'mongodb';
export type Spec = Schemas['EndpointSpec'];

export interface End {
  engine: Engine;
  /** With MongoDB any number of members, each with its port. */
  host: string;
  port: number | null;
  user: string;
  password: string;
  sslMode: string;
  sslCa: string;
  /** Of MongoDB alone, as all that follows `//` but the user. */
  replicaSet: string;
  authSource: string;
  /** Not asked for, and kept. */
  authMechanism: string;
  region: string;
}

export interface Draft {
  name: string;
  kind: 'sync' | 'migration';
  fullOnly: boolean;
  source: End;
  target: End;
  choice: Choice;
  tuning: Tuning;
}

export interface Tuning {
  copyWorkers: number | null;
  lanes: number | null;
  logGib: number | null;
  retryHours: number | null;
}

const GIB = 1024 ** 3;
const HOUR = 3600;
const NO_END: End = { engine: 'mysql', host: '', port: 3306, user: '', password: '', sslMode: '', sslCa: '', replicaSet: '', authSource: '', authMechanism: '', region: '' };

export function newDraft(kind: Draft['kind']): Draft {
  return {
    name: '',
    kind,
    fullOnly: false,
    source: NO_END,
    target: NO_END,
    choice: { isEverything: false, objects: NOTHING },
    tuning: { copyWorkers: null, lanes: null, logGib: null, retryHours: null },
  };
}

const MONGODB_SHAPE = /^mongodb:\/\/(?:([^@/]*)@)?([^/?#]*)\/?(?:\?(.*))?$/i;
const URL_SHAPE = /^([a-z0-9+]+):\/\/(?:([^@/]*)@)?(\[[^\]]+\]|[^:/?#]*)(?::(\d+))?[^?]*(?:\?(.*))?$/i;

/** The parts of `mongodb://user@host:port,host:port/?options`. */
function mongodbEndOf(found: RegExpExecArray, region: string): End {
  const options = new URLSearchParams(found[3] ?? '');
  const said = (name: string) => options.get(name) ?? '';
  return {
    engine: 'mongodb',
    host: found[2] ?? '',
    port: null,
    user: decodeURIComponent(found[1] ?? ''),
    password: '',
    // An authority alone means that it is verified.
    sslMode: said('tls') || (said('tlsCAFile') ? 'true' : ''),
    sslCa: said('tlsCAFile'),
    replicaSet: said('replicaSet'),
    authSource: said('authSource'),
    authMechanism: said('authMechanism'),
    region,
  };
}

/** The parts of a URL. */
export function endOf(spec: Spec): End {
  const mongodb = MONGODB_SHAPE.exec(spec.url ?? '');
  if (mongodb) return mongodbEndOf(mongodb, spec.region ?? '');
  const found = URL_SHAPE.exec(spec.url ?? '');
  if (!found) return { ...NO_END, region: spec.region ?? '' };
  const options = new URLSearchParams(found[5] ?? '');
  return {
    engine: found[1]?.toLowerCase() === 'mariadb' ? 'mariadb' : 'mysql',
    host: (found[3] ?? '').replace(/^\[|\]$/g, ''),
    port: found[4] ? Number(found[4]) : null,
    user: decodeURIComponent(found[2] ?? ''),
    password: '',
    sslMode: options.get('ssl-mode') ?? '',
    sslCa: options.get('ssl-ca') ?? '',
    replicaSet: '',
    authSource: '',
    authMechanism: '',
    region: spec.region ?? '',
  };
}

export function optionsOf(end: End): Record<string, string> {
  if (end.engine === 'mongodb') {
    const tlsCAFile = end.sslMode === 'true' ? end.sslCa : '';
    const all = { replicaSet: end.replicaSet, authSource: end.authSource, authMechanism: end.authMechanism, tls: end.sslMode, tlsCAFile };
    return Object.fromEntries(Object.entries(all).flatMap(([name, value]) => (value.trim() ? [[name, value.trim()]] : [])));
  }
  return { ...(end.sslMode ? { 'ssl-mode': end.sslMode } : {}), ...(end.sslCa.trim() ? { 'ssl-ca': end.sslCa.trim() } : {}) };
}

const isSameServer = (one: End, other: End) => JSON.stringify({ ...one, password: '', region: '' }) === JSON.stringify({ ...other, password: '', region: '' });

/** Whether the password that the service has is for this end still. */
export const keepsPassword = (end: End, before: Spec | undefined) => !!before && end.password === '' && isSameServer(end, endOf(before));

/** As the service takes it. An end that is as it was is given by its own URL: its password then stays. */
export function specOf(end: End, before?: Spec): Spec {
  const rest = { ...(end.region ? { region: end.region } : {}), ...(end.password ? { password: end.password } : {}) };
  if (before?.url && isSameServer(end, endOf(before))) return { url: before.url, ...rest } as Spec;
  // It may have several hosts.
  if (end.engine === 'mongodb') return { url: urlOf(end), ...rest } as Spec;
  return { engine: end.engine, host: end.host.trim(), user: end.user.trim(), ...(end.port ? { port: end.port } : {}), options: optionsOf(end), ...rest } as Spec;
}

export const isMongodb = (spec: Spec) => MONGODB_SHAPE.test(spec.url ?? '');

export function urlOf(end: End): string {
  const query = Object.entries(optionsOf(end)).map(([name, value]) => `${name}=${encodeURIComponent(value)}`).join('&');
  if (end.engine === 'mongodb') {
    const user = end.user.trim() ? `${encodeURIComponent(end.user.trim())}@` : '';
    return `mongodb://${user}${end.host.replaceAll(/\s/g, '') || 'HOST'}/${query ? `?${query}` : ''}`;
  }
  const host = end.host.includes(':') ? `[${end.host.trim()}]` : end.host.trim() || 'HOST';
  return `${end.engine}://${encodeURIComponent(end.user.trim() || 'USER')}@${host}${end.port ? `:${end.port}` : ''}/${query ? `?${query}` : ''}`;
}

export function draftOf(instance: Instance): Draft {
  const { tuning } = instance;
  return {
    name: instance.name,
    kind: instance.kind === 'migration' ? 'migration' : 'sync',
    fullOnly: instance.full_only,
    source: endOf(instance.source),
    target: endOf(instance.target),
    choice: fromObjects(instance.objects),
    tuning: {
      copyWorkers: tuning.copy_workers ?? null,
      lanes: tuning.lanes ?? null,
      logGib: tuning.log_bytes_max ? tuning.log_bytes_max / GIB : null,
      retryHours: tuning.retry_seconds ? tuning.retry_seconds / HOUR : null,
    },
  };
}

export function requestOf(draft: Draft, before?: Instance): Schemas['CreateInstance'] {
  const { tuning } = draft;
  return {
    name: draft.name.trim(),
    kind: draft.kind,
    source: specOf(draft.source, before?.source),
    target: specOf(draft.target, before?.target),
    objects: toObjects(draft.choice) as Schemas['Objects'],
    full_only: draft.kind === 'migration' && draft.fullOnly,
    tuning: {
      copy_workers: tuning.copyWorkers,
      lanes: tuning.lanes,
      log_bytes_max: tuning.logGib === null ? null : Math.round(tuning.logGib * GIB),
      retry_seconds: tuning.retryHours === null ? null : Math.round(tuning.retryHours * HOUR),
      server_id: before?.tuning.server_id ?? null,
    },
  };
}

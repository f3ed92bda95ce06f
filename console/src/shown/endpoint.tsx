// A database server as a person names it.
import { Flex, Tag } from 'antd';
import type { Schemas } from '../api/client';

type Endpoint = Schemas['EndpointSpec'];

const ENGINES: Record<string, string> = { mysql: 'MySQL', mariadb: 'MariaDB', mongodb: 'MongoDB' };

export interface Server {
  /** `MySQL`, `MariaDB`, or whatever the URL begins with. */
  engine: string;
  /** `host:port` */
  address: string;
  user: string;
}

/** From `mysql://user@host:port/?options`, or from its parts. */
export function serverOf(endpoint: Endpoint): Server {
  const match = /^([a-z0-9+]+):\/\/(?:([^@/]*)@)?([^/?#]*)/i.exec(endpoint.url ?? '');
  const engine = (match?.[1] ?? endpoint.engine ?? 'mysql').toLowerCase();
  const host = endpoint.host ?? '';
  const whole = host.includes(':') && !host.startsWith('[') ? `[${host}]` : host;
  const address = match?.[3] || (endpoint.port ? `${whole}:${endpoint.port}` : whole);
  return { engine: ENGINES[engine] ?? engine, address, user: decoded(match?.[2] ?? endpoint.user ?? '') };
}

/** `MySQL db1:3306` */
export function endpointText(endpoint: Endpoint): string {
  const { engine, address } = serverOf(endpoint);
  return `${engine} ${address}`;
}

interface LineProps {
  endpoint: Endpoint;
  withUser?: boolean;
  /** Where there is little room, the engine is what may be cut off. */
  isNarrow?: boolean;
}

export function EndpointLine({ endpoint, withUser, isNarrow }: LineProps) {
  const { engine, address, user } = serverOf(endpoint);
  return (
    <Flex gap={4} align="center" style={{ minWidth: 0 }}>
      <span className="cut" title={`${engine} ${address}`}>
        {!isNarrow && <span className="pale">{engine} </span>}
        {withUser && user ? `${user}@` : ''}
        {address}
        {isNarrow && <span className="pale"> {engine}</span>}
      </span>
      {endpoint.region && <Tag style={{ marginInlineEnd: 0 }}>{endpoint.region}</Tag>}
    </Flex>
  );
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

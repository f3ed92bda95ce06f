// How one table, or one database, is carried over: its name there, its rows, its columns, and which changes.
import { useQuery } from '@tanstack/react-query';
import { Alert, Checkbox, Form, Input, Modal } from 'antd';
import { useState } from 'react';
import { api, asked } from '../api/client';
import { useWords } from '../words';
import { type Objects, type Rule, renamed, ruleFor, withRename, withRule } from './choice';
import { ColumnsChoice } from './columns-choice';
import { isMongodb, type Spec } from './draft';
import type { TreeTable } from './objects-editor';
import { databasePattern, parsePattern, quoted, tablePattern } from './pattern';
import type { Edited } from './tree';
import { dictionary } from './words';

interface Props {
  source: Spec;
  edited: Edited;
  objects: Objects;
  onDone: (objects: Objects) => void;
  onClose: () => void;
}

interface Values {
  database: string;
  table: string;
  where: string;
  changes: NonNullable<Rule['changes']>;
  schemaChanges: NonNullable<Rule['schema_changes']>;
}

const CHANGES = ['insert', 'update', 'delete'] as const;
const SCHEMA_CHANGES = ['create', 'alter', 'drop', 'rename', 'truncate'] as const;

/** The names behind `a.b` or `a.*` as they are, without quotes. */
function namesIn(pattern: string | null): [string, string] | null {
  const read = pattern === null ? null : parsePattern(pattern);
  if (!read) return null;
  const plain = (pieces: typeof read.table) => pieces.map((piece) => (typeof piece === 'object' ? piece.char : piece === 'many' ? '*' : '?')).join('');
  return [plain(read.database), plain(read.table)];
}

export function TableDialog({ source, edited, objects, onDone, onClose }: Props) {
  const words = useWords(dictionary).table;
  const { database, table } = edited;
  const pattern = table === null ? databasePattern(database) : tablePattern(database, table);
  const before = ruleFor(objects, pattern);
  const to = namesIn(renamed(objects, pattern));
  const [form] = Form.useForm<Values>();
  const [columns, setColumns] = useState<string | null>(before?.columns ?? null);
  const detail = useQuery({
    queryKey: ['tree', 'columns', source.url ?? source.host, source.port, source.user, database],
    enabled: table !== null,
    retry: false,
    staleTime: 60_000,
    queryFn: () => asked(api.POST('/api/v1/tree', { body: { endpoint: source, database } as never })) as Promise<TreeTable[]>,
  });
  // Rules are for tables with columns.
  const hasRules = !isMongodb(source);
  const own = detail.data?.find((one) => one.name === table);
  const done = (values: Values) => {
    const isAll = (given: string[], all: readonly string[]) => given.length === all.length;
    const where = table === null ? '' : (values.where ?? '').trim();
    const rule: Rule = {
      tables: pattern,
      ...(where ? { where } : {}),
      ...(columns ? { columns } : {}),
      ...(isAll(values.changes, CHANGES) ? {} : { changes: CHANGES.filter((one) => values.changes.includes(one)) }),
      ...(isAll(values.schemaChanges, SCHEMA_CHANGES) ? {} : { schema_changes: SCHEMA_CHANGES.filter((one) => values.schemaChanges.includes(one)) }),
    };
    const isSame = values.database === database && (table === null || values.table === table);
    const name = table === null ? `${quoted(values.database)}.*` : `${quoted(values.database)}.${quoted(values.table)}`;
    onDone(withRule(withRename(objects, pattern, isSame ? null : name), rule, Object.keys(rule).length > 1));
    onClose();
  };
  const initial: Values = {
    database: to?.[0] ?? database,
    table: to?.[1] ?? table ?? '',
    where: before?.where ?? '',
    changes: before?.changes ?? [...CHANGES],
    schemaChanges: before?.schema_changes ?? [...SCHEMA_CHANGES],
  };
  const nameRules = [{ required: true, pattern: /^[^=]+$/, message: words.nameRule }];
  return (
    <Modal open width={680} title={words.title(table === null ? database : `${database}.${table}`)} okText={words.ok} cancelText={words.cancel} onOk={() => form.submit()} onCancel={onClose} mask={{ closable: false }}>
      <Form<Values> form={form} layout="vertical" requiredMark={false} initialValues={initial} onFinish={done}>
        <Form.Item name="database" label={words.database} rules={nameRules}>
          <Input autoComplete="off" spellCheck={false} />
        </Form.Item>
        {table !== null && (
          <>
            <Form.Item name="table" label={words.name} rules={nameRules}>
              <Input autoComplete="off" spellCheck={false} />
            </Form.Item>
            {hasRules && (
              <>
                <Form.Item name="where" label={words.where} extra={words.whereText}>
                  <Input.TextArea rows={2} spellCheck={false} />
                </Form.Item>
                <ColumnsChoice value={columns} columns={own?.columns ?? null} onChange={setColumns} />
              </>
            )}
          </>
        )}
        <Form.Item hidden={!hasRules} name="changes" label={words.changes} extra={words.changesText}>
          <Checkbox.Group options={CHANGES.map((value) => ({ value, label: words.kinds[value] }))} />
        </Form.Item>
        <Form.Item hidden={!hasRules} name="schemaChanges" label={words.schema} extra={words.schemaText}>
          <Checkbox.Group options={SCHEMA_CHANGES.map((value) => ({ value, label: words.schemaKinds[value] }))} />
        </Form.Item>
        {table !== null && hasRules && <Alert type="info" showIcon title={words.needsMetadata} />}
      </Form>
    </Modal>
  );
}

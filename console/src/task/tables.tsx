// The copy, table by table.
import { Flex, Input, Progress, Typography } from 'antd';
import { useState } from 'react';
import type { Instance, Schemas } from '../api/client';
import { count, percent } from '../shown/numbers';
import { Rows } from '../shown/rows';
import { useWords } from '../words';
import { dictionary } from './words';

type Table = Schemas['TableState'];

export function Tables({ instance }: { instance: Instance }) {
  const { tables: words } = useWords(dictionary);
  const [search, setSearch] = useState('');
  // What is added is copied beside the rest, with a progress of its own.
  const all = [...(instance.adding?.tables ?? []), ...(instance.progress?.tables ?? [])];
  const found = all.filter((table) => table.name.toLowerCase().includes(search.toLowerCase()));
  // What is still being copied is what somebody waits for.
  found.sort((one, other) => Number(one.done) - Number(other.done) || one.name.localeCompare(other.name));
  return (
    <>
      <Flex gap={12} align="center" wrap style={{ marginBottom: 10 }}>
        <Input allowClear aria-label={words.search} placeholder={words.search} value={search} onChange={(event) => setSearch(event.target.value)} style={{ maxWidth: 320 }} />
        <Typography.Text type="secondary">{words.count(count(found.length), count(all.length))}</Typography.Text>
      </Flex>
      <Rows<Table>
        label={words.name}
        rows={found}
        rowKey={(table) => table.name}
        rowHeight={36}
        minWidth={560}
        empty={<Typography.Text type="secondary">{words.none}</Typography.Text>}
        columns={[
          { key: 'name', title: words.name, width: 'minmax(200px, 3fr)', cell: (table) => <span className="cut" title={table.name}>{table.name}</span> },
          { key: 'progress', title: words.progress, width: 'minmax(120px, 1fr)', cell: (table) => (table.done ? words.done : <Progress size="small" percent={percent(table.rows, table.rows_estimated)} aria-label={table.name} />) },
          { key: 'rows', title: words.rows, width: '110px', align: 'end', cell: (table) => count(table.rows) },
          { key: 'estimated', title: words.estimated, width: '120px', align: 'end', cell: (table) => count(table.rows_estimated) },
        ]}
      />
    </>
  );
}

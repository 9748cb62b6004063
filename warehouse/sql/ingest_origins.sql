-- Keep where each claim was asserted, every time that it was.
-- grain: one row per accepted or duplicate input row
-- params: $content_hash
-- reads: parts, the files by the first of their rows
insert into origins
select
    j.claim_id,
    p.file,
    j.row - p.first_row + 1 as row,
    $content_hash as content_hash
from judged_rows as j
inner join parts as p on j.row between p.first_row and p.last_row
where j.verdict is null

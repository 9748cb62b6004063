-- Keep where each claim was asserted, every time that it was.
-- grain: one row per accepted or duplicate input row
-- params: $file, $content_hash
insert into origins
select
    j.claim_id,
    $file as file,
    j.row,
    $content_hash as content_hash
from judged_rows as j
where j.verdict is null

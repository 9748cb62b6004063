-- Cover what a run said to questions about other slots where it holds one of the texts.
-- grain: one row per question that was so answered
-- params: $texts
update recall
set said = '(forgotten)'
where exists (select 1 from unnest($texts::varchar[]) as looked_for (text) where contains(said, text))

-- Tokens of each day, by job kind, as the jobs' totals give them.
WITH totals AS (
  SELECT publish_time, data, attributes
  FROM gemini.results
  WHERE JSON_VALUE(attributes, '$."ce-type"') = 'job.results.completed'
  QUALIFY ROW_NUMBER() OVER (PARTITION BY JSON_VALUE(attributes, '$."ce-id"') ORDER BY publish_time DESC) = 1
)
SELECT
  DATE(publish_time) AS day,
  JSON_VALUE(attributes, '$.job_kind') AS kind,
  SUM(INT64(data.usage.inputTokens)) AS input_tokens,
  SUM(INT64(data.usage.outputTokens)) AS output_tokens,
  SUM(INT64(data.usage.totalTokens)) AS total_tokens
FROM totals
GROUP BY day, kind
ORDER BY day DESC, kind;

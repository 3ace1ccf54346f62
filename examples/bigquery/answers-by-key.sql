-- The text of each answer of the last day, by the key of its request.
SELECT
  JSON_VALUE(attributes, '$.job_id') AS job,
  JSON_VALUE(attributes, '$.result_key') AS key,
  JSON_VALUE(data, '$.response.candidates[0].content.parts[0].text') AS answer
FROM gemini.results
WHERE publish_time > TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL 1 DAY)
  AND JSON_VALUE(attributes, '$.result_status') = 'ok'
QUALIFY ROW_NUMBER() OVER (PARTITION BY JSON_VALUE(attributes, '$."ce-id"') ORDER BY publish_time) = 1;

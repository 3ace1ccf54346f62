-- The number of failed requests of the last week, by code.
WITH results AS (
  SELECT data, attributes
  FROM gemini.results
  WHERE publish_time > TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL 7 DAY)
    AND JSON_VALUE(attributes, '$.result_status') = 'error'
  QUALIFY ROW_NUMBER() OVER (PARTITION BY JSON_VALUE(attributes, '$."ce-id"') ORDER BY publish_time) = 1
)
SELECT
  JSON_VALUE(data, '$.error.code') AS code,
  COUNT(*) AS failures,
  ANY_VALUE(JSON_VALUE(data, '$.error.message')) AS example
FROM results
GROUP BY code
ORDER BY failures DESC;

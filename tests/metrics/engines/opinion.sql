-- The statistics once more, by hand, in the SQL of DuckDB: written from their definitions, not from their declarations.
-- {table} is what to read, {keys} are expressions with names, {groups} are those names with a comma behind each.
WITH classed AS (
    SELECT *, {keys}
        coalesce(is_byok, false) AS byok,
        response_cache_source_id IS NOT NULL AS replayed,
        coalesce(cancelled, false) OR coalesce(finish_reason = 'error', false)
            OR response_cache_source_id IS NOT NULL AS failed
    FROM {table}
), timed AS (
    SELECT *,
        CASE WHEN NOT failed AND streamed THEN latency END AS ttft_ms,
        CASE WHEN NOT failed AND generation_time > 0 THEN generation_time END AS e2e_ms,
        CASE WHEN NOT failed THEN moderation_latency END AS moderation_ms,
        CASE WHEN byok THEN total_cost + upstream_inference_cost ELSE total_cost END AS cost_per_request,
        CASE WHEN replayed OR (NOT byok AND total_cost = 0) OR native_tokens_prompt + native_tokens_completion <= 0
            THEN NULL ELSE native_tokens_prompt + native_tokens_completion END AS priced_tokens,
        native_tokens_completion AS completion
    FROM classed
), spread AS (
    SELECT *,
        CASE WHEN e2e_ms >= ttft_ms THEN e2e_ms - ttft_ms END AS decode_ms,
        CASE WHEN e2e_ms >= ttft_ms AND completion >= 2 THEN (e2e_ms - ttft_ms) / (completion - 1) END AS itl_ms,
        CASE WHEN completion >= 1 THEN completion / (e2e_ms / 1000) END AS tps_e2e,
        CASE WHEN e2e_ms - ttft_ms >= 100 AND completion >= 16
            THEN 1000 / ((e2e_ms - ttft_ms) / (completion - 1)) END AS tps_decode
    FROM timed
), summed AS (
    SELECT {groups}
        count(*) AS requests,
        sum(total_cost) AS billed_cost,
        sum(upstream_inference_cost) FILTER (byok) AS byok_cost,
        count(*) FILTER (byok AND upstream_inference_cost IS NULL) AS byok_unknown,
        count(*) FILTER (total_cost IS NULL OR (byok AND upstream_inference_cost IS NULL)
            OR (is_byok IS NULL AND upstream_inference_cost <> 0)) AS cost_unknown,
        1e6 * sum(cost_per_request) FILTER (priced_tokens IS NOT NULL)
            / nullif(sum(priced_tokens) FILTER (cost_per_request IS NOT NULL), 0) AS usd_per_mtok,
        sum(cache_discount) AS net_cache_savings,
        sum(cache_discount) FILTER (NOT byok AND NOT replayed AND total_cost IS NOT NULL)
            / nullif(sum(total_cost + cache_discount) FILTER (NOT byok AND NOT replayed), 0) AS cache_savings_rate,
        count(cache_discount) / count(*) AS cache_coverage,
        sum(greatest(cache_discount, 0)) FILTER (cache_discount IS NOT NULL) AS read_savings,
        sum(greatest(-cache_discount, 0)) FILTER (cache_discount IS NOT NULL) AS write_premium,
        sum(native_tokens_cached) FILTER (NOT replayed AND native_tokens_prompt IS NOT NULL)
            / nullif(sum(native_tokens_prompt) FILTER (NOT replayed AND native_tokens_cached IS NOT NULL), 0)
            AS cache_hit_rate,
        count(*) FILTER (cache_discount <> 0) / count(*) AS cache_touched_share,
        sum(native_tokens_prompt) AS tokens_in,
        sum(native_tokens_completion) AS tokens_out,
        sum(native_tokens_reasoning) FILTER (native_tokens_completion IS NOT NULL)
            / nullif(sum(native_tokens_completion) FILTER (native_tokens_reasoning IS NOT NULL), 0) AS reasoning_share,
        avg(cost_per_request) AS cost_per_request_mean, count(cost_per_request) AS cost_per_request_n,
        avg(ttft_ms) AS ttft_ms_mean, count(ttft_ms) AS ttft_ms_n,
        avg(e2e_ms) AS e2e_ms_mean, count(e2e_ms) AS e2e_ms_n,
        avg(decode_ms) AS decode_ms_mean, count(decode_ms) AS decode_ms_n,
        avg(itl_ms) AS itl_ms_mean, count(itl_ms) AS itl_ms_n,
        avg(tps_e2e) AS tps_e2e_mean, count(tps_e2e) AS tps_e2e_n,
        avg(tps_decode) AS tps_decode_mean, count(tps_decode) AS tps_decode_n,
        avg(moderation_ms) AS moderation_ms_mean, count(moderation_ms) AS moderation_ms_n,
        quantile_cont(cost_per_request, [0.5, 0.9, 0.95, 0.99]) AS cost_per_request,
        quantile_cont(ttft_ms, [0.5, 0.9, 0.95, 0.99]) AS ttft_ms,
        quantile_cont(e2e_ms, [0.5, 0.9, 0.95, 0.99]) AS e2e_ms,
        quantile_cont(decode_ms, [0.5, 0.9, 0.95, 0.99]) AS decode_ms,
        quantile_cont(itl_ms, [0.5, 0.9, 0.95, 0.99]) AS itl_ms,
        quantile_cont(tps_e2e, [0.5, 0.9, 0.95, 0.99]) AS tps_e2e,
        quantile_cont(tps_decode, [0.5, 0.9, 0.95, 0.99]) AS tps_decode,
        quantile_cont(moderation_ms, [0.5, 0.9, 0.95, 0.99]) AS moderation_ms,
        avg((e2e_ms < ttft_ms)::INT) AS misfit_share,
        avg(cancelled::INT) AS cancel_rate,
        count(*) FILTER (finish_reason = 'error') / count(*) AS error_rate,
        count(*) FILTER (finish_reason = 'length') / count(*) AS truncation_rate,
        count(*) FILTER (finish_reason = 'content_filter') / count(*) AS filter_rate,
        avg((len(provider_responses) >= 2)::INT) AS fallback_rate
    FROM spread GROUP BY ALL
)
SELECT *,
    CASE WHEN billed_cost IS NOT NULL OR byok_cost IS NOT NULL
        THEN coalesce(billed_cost, 0) + coalesce(byok_cost, 0) END AS effective_cost,
    CASE WHEN effective_cost IS NOT NULL OR net_cache_savings IS NOT NULL
        THEN coalesce(effective_cost, 0) + coalesce(net_cache_savings, 0) END AS cost_without_cache,
    effective_cost / nullif(sum(effective_cost) OVER (), 0) AS cost_share,
    read_savings / nullif(write_premium, 0) AS cache_payback
FROM summed

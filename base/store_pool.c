/* store_pool.c - READ connections for request threads. */
#include <pthread.h>
#include <stdlib.h>

#include "vd/fault.h"
#include "vd/store.h"

struct vd_store_pool {
    pthread_mutex_t lock;
    pthread_cond_t given;
    unsigned free_count, count;
    vd_store **free_ones, **all;
};

static vd_err open_all(vd_store_pool *pool, const char *path, const vd_store_schema *schema,
                       unsigned count, vd_why *why)
{
    pool->all = vd_calloc(count, sizeof(*pool->all));
    pool->free_ones = vd_calloc(count, sizeof(*pool->free_ones));
    if (!pool->all || !pool->free_ones) return vd_fail(why, VD_FULL, "no memory is left");
    for (; pool->count < count; pool->count++) {
        vd_err err = vd_store_open(path, VD_STORE_READ, schema, &pool->all[pool->count], why);
        if (err) return err;
        pool->free_ones[pool->free_count++] = pool->all[pool->count];
    }
    return VD_OK;
}

vd_err vd_store_pool_new(const char *path, const vd_store_schema *schema, unsigned count,
                         vd_store_pool **ret_pool, vd_why *why)
{
    vd_store_pool *pool = vd_calloc(1, sizeof(*pool));
    if (!pool) return vd_fail(why, VD_FULL, "no memory is left for readers");
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->given, NULL);
    vd_err err = open_all(pool, path, schema, count, why);
    if (err)
        vd_store_pool_free(pool);
    else
        *ret_pool = pool;
    return err;
}

vd_store *vd_store_pool_take(vd_store_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    while (pool->free_count == 0) pthread_cond_wait(&pool->given, &pool->lock);
    vd_store *store = pool->free_ones[--pool->free_count];
    pthread_mutex_unlock(&pool->lock);
    return store;
}

void vd_store_pool_give(vd_store_pool *pool, vd_store *store)
{
    pthread_mutex_lock(&pool->lock);
    pool->free_ones[pool->free_count++] = store;
    pthread_cond_signal(&pool->given);
    pthread_mutex_unlock(&pool->lock);
}

vd_store_pool *vd_store_pool_free(vd_store_pool *pool)
{
    if (!pool) return NULL;
    for (unsigned i = 0; i < pool->count; i++) vd_store_free(pool->all[i]);
    free(pool->all);
    free(pool->free_ones);
    pthread_cond_destroy(&pool->given);
    pthread_mutex_destroy(&pool->lock);
    free(pool);
    return NULL;
}

#include "vocabulary.h"

#include "vd/test.h"

static const char *const yard[] = { "person", "car", "car" };
static const char *const gear[] = { "helmet", "person", "vest" };

static vd_vocabulary_part part_of(const char *id, char letter, const char *const *classes,
                                  unsigned count)
{
    vd_vocabulary_part part = { .id = id,
                                .name = id,
                                .score_min = letter == 'a' ? 0.3f : 0.6f,
                                .classes = classes,
                                .class_count = count };
    memset(part.digest.hex, letter, VD_SHA256_HEX);
    return part;
}

static vd_vocabulary *words_of(const vd_vocabulary_part *parts, unsigned count)
{
    vd_vocabulary *words = NULL;
    expect_ok(vd_vocabulary_new(parts, count, &words));
    return words;
}

// covers: INF-3
VD_TEST(classes_of_several_models_have_ids_and_names_of_their_own)
{
    const vd_vocabulary_part parts[] = { part_of("main", 'a', yard, 3),
                                         part_of("ppe", 'b', gear, 3) };
    vd_vocabulary *words = words_of(parts, 2);
    expect_u64(vd_vocabulary_count(words), 6);
    expect_str(vd_vocabulary_name(words, 0), "person");
    expect_str(vd_vocabulary_name(words, 2), "car"); /* as the model itself says it */
    expect_str(vd_vocabulary_name(words, 3), "helmet");
    expect_str(vd_vocabulary_name(words, 4), "ppe/person");
    expect_true(vd_vocabulary_name(words, 6) == NULL);
    expect_i64(vd_vocabulary_find(words, "person"), 0);
    expect_i64(vd_vocabulary_find(words, "ppe/person"), 4);
    expect_i64(vd_vocabulary_find(words, "vest"), 5);
    expect_i64(vd_vocabulary_find(words, "unicorn"), -1);
    vd_vocabulary_free(words);
}

// covers: INF-3
VD_TEST(a_class_names_the_model_that_told_it)
{
    const vd_vocabulary_part parts[] = { part_of("main", 'a', yard, 3),
                                         part_of("empty", 'c', NULL, 0),
                                         part_of("ppe", 'b', gear, 3) };
    vd_vocabulary *words = words_of(parts, 3);
    expect_str(vd_vocabulary_model_of(words, 2)->id, "main");
    expect_str(vd_vocabulary_model_of(words, 3)->id, "ppe");
    expect_true(vd_vocabulary_model_of(words, 5)->digest.hex[0] == 'b');
    expect_near(vd_vocabulary_model_of(words, 5)->score_min, 0.6, 1e-6);
    expect_str(vd_vocabulary_model_of(words, 6)->id, "main");
    expect_str(vd_vocabulary_main(words)->id, "main");
    vd_vocabulary_free(words);
}

VD_TEST(one_vocabulary_extends_another_when_no_id_changes_its_meaning)
{
    const vd_vocabulary_part parts[] = { part_of("main", 'a', yard, 3),
                                         part_of("ppe", 'b', gear, 3) };
    vd_vocabulary *one = words_of(parts, 1), *both = words_of(parts, 2),
                  *other = words_of(parts + 1, 1);
    expect_true(vd_vocabulary_extends(both, one));
    expect_true(vd_vocabulary_extends(one, one));
    expect_false(vd_vocabulary_extends(one, both));
    expect_false(vd_vocabulary_extends(other, one));
    vd_vocabulary_free(one);
    vd_vocabulary_free(both);
    vd_vocabulary_free(other);
}

VD_TEST(a_vocabulary_outlives_what_it_was_made_of)
{
    char name[] = "person";
    const char *const classes[] = { name };
    vd_vocabulary_part part = part_of(name, 'a', classes, 1);
    vd_vocabulary *words = words_of(&part, 1);
    memset(name, 'x', sizeof name - 1);
    expect_str(vd_vocabulary_name(words, 0), "person");
    expect_str(vd_vocabulary_main(words)->name, "person");
    vd_vocabulary_free(words);
}

VD_TEST(more_classes_than_there_are_ids_are_refused)
{
    static const char *many[UINT16_MAX];
    for (unsigned i = 0; i < VD_COUNT_OF(many); i++) many[i] = "x";
    const vd_vocabulary_part parts[] = { part_of("main", 'a', yard, 1),
                                         part_of("big", 'b', many, UINT16_MAX) };
    vd_vocabulary *words;
    expect_err(vd_vocabulary_new(parts, 2, &words), VD_FULL);
}

VD_TEST_MAIN(VD_RUN(classes_of_several_models_have_ids_and_names_of_their_own),
             VD_RUN(a_class_names_the_model_that_told_it),
             VD_RUN(one_vocabulary_extends_another_when_no_id_changes_its_meaning),
             VD_RUN(a_vocabulary_outlives_what_it_was_made_of),
             VD_RUN(more_classes_than_there_are_ids_are_refused))

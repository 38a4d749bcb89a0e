/* Two adapters and a bus made by hand: whole exchanges. */
#include "world.h"

#include <string.h>

static struct world *open_both(void **state)
{
    struct world *w = *state;
    world_start(w, MI);
    world_start(w, MEN);
    world_link(w, MI);
    world_link(w, MEN);
    return w;
}

static int setup(void **state)
{
    static struct world w;
    world_open(&w);
    *state = &w;
    return 0;
}

static int teardown(void **state)
{
    world_close(*state);
    return 0;
}

static void a_question_is_answered_with_the_permitted_fields_only(void **state)
{
    struct world *w = open_both(state);
    world_ask(w, MEN, world_ask_new(w, "01234567890"));
    world_run(w, world_answered);
    assert_int_equal(w->refusal, REFUSAL_NONE);
    assert_int_equal(w->status, 200);
    assert_string_equal(w->answer_body, "{\"name\":{\"fr\":\"Amel\"},\"birth_date\":\"2012-04-01\"}");
    assert_string_equal(w->answer_headers, "content-type=application/json;");
    assert_string_equal(w->system.last_path, "/persons/01234567890");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_question_is_answered_with_the_permitted_fields_only, setup, teardown),
    };
    int result = cmocka_run_group_tests_name("core-exchange", tests, NULL, NULL);
    country_end();
    return result;
}

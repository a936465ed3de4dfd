/* model.c - models of a folder. */
#include <stdio.h>

#include "cli_priv.h"

static vd_err not_yet(vd_why *why)
{
    return vd_fail(why, VD_ABSENT, "this build has no model stages");
}
vd_err run_model_import(cli *c, vd_why *why)
{
    (void)c;
    return not_yet(why);
}
vd_err run_model_list(cli *c, vd_why *why)
{
    (void)c;
    return not_yet(why);
}
vd_err run_model_show(cli *c, vd_why *why)
{
    (void)c;
    return not_yet(why);
}
vd_err run_analyze(cli *c, vd_why *why)
{
    (void)c;
    return not_yet(why);
}

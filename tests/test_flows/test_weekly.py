def test_x(weekly_shop):
    import json, shutil
    shutil.copytree(weekly_shop.folder, "/work/tmp/w/shop", dirs_exist_ok=True)
    json.dump(weekly_shop.summaries, open("/work/tmp/w/summaries.json","w"), default=str, indent=1)
    print(weekly_shop.folder)

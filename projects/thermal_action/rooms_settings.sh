# Read by rooms_choice.sh, rooms_company.sh and rooms_curves.sh: where rooms.sh wrote, and what all runs have in common.
source "$(dirname "$0")/settings.sh"
rooms=$data

common=(DATA.PATH_TO_DATA_DIR "$rooms" TRAIN.EVAL_PERIOD 1000 TRAIN.CHECKPOINT_PERIOD 1000 TENSORBOARD.ENABLE False LOG_PERIOD 100
    THERMAL.BASELINES False)
held_back=(THERMAL.TEST_ANNOTATIONS "['annotations/train.json']"
    THERMAL.TRAIN_RECORDINGS "['SIM00*','SIM010*','SIM011*','SIM012*','SIM013*','SIM014*','SIM015*','SIM016*']"
    THERMAL.TEST_RECORDINGS "['SIM017*','SIM018*','SIM019*','SIM020*']")
unseen=(THERMAL.TEST_ANNOTATIONS "['annotations/test.json']")

# 27,200 keyframes: about 37,000 people.
short=(TRAIN.BATCH_SIZE 32 TEST.BATCH_SIZE 64 SOLVER.EPOCH_ITERS 85 SOLVER.MAX_EPOCH 10)
background=(THERMAL.CHANNELS "['less_median','difference','less_background']" DATA.INPUT_CHANNEL_NUM "[3,3]"
    DATA.MEAN "[0.0,0.0,0.0]" DATA.STD "[0.1,0.05,0.1]" TRAIN.MIXED_PRECISION True SPEED.CHANNELS_LAST True)
fine=("${short[@]}" "${background[@]}" RESNET.SPATIAL_STRIDES "[[1,1],[1,1],[2,2],[1,1]]" DETECTION.SPATIAL_SCALE_FACTOR 8
    THERMAL.CLIP_SECONDS 8.0 MODEL.DROPOUT_RATE 0.0)

# 20 passes in batches of 8, as PEOPLE_SMALL and the R50 have them, and at least 500 iterations.
iterations() { # KEYFRAMES: of an epoch, of which there are 20
    echo $(($1 > 200 ? $1 / 8 : 25))
}
